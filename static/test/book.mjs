// Booking at home: a joint appointment at Isernia for the next day on which CPI and INPS are both there,
// with a script on a computer by the keyboard alone and without one on a small phone, the mail that comes
// of it, then moved and cancelled.
import { createServer } from 'node:net'
import { accessible, check, eventually, open, run } from './office.mjs'

const mails = await post(Number(process.env.SMTP))
const small = { viewport: { width: 320, height: 640 }, hasTouch: true, isMobile: true, locale: 'it-IT' }

// post is a mail server that takes whatever comes (RFC 5321 section 4.1) and keeps it.
async function post(port) {
  const taken = []
  const server = createServer((wire) => {
    let text = ''
    let content = false
    wire.on('error', () => {})
    wire.write('220 prova\r\n')
    wire.on('data', (bytes) => {
      text += bytes
      for (let end; (end = text.indexOf(content ? '\r\n.\r\n' : '\r\n')) >= 0;) {
        const said = text.slice(0, end)
        text = text.slice(end + (content ? 5 : 2))
        if (content) taken.push(said)
        const verb = content ? '' : said.slice(0, 4).toUpperCase()
        content = verb === 'DATA'
        wire.write(content ? '354 go on\r\n' : verb === 'QUIT' ? '221 bye\r\n' : '250 yes\r\n')
        if (verb === 'QUIT') wire.end()
      }
    })
  })
  await new Promise((done) => { server.listen(port, '127.0.0.1', done) })
  server.unref()
  return taken
}

// mail returns the mail to an address whose subject has a text, decoded.
async function mail(to, subject) {
  const decoded = (mail) => mail
    .replaceAll(/=\?UTF-8\?q\?(.*?)\?=\s*/gi, (_, word) => decodeURIComponent(word.replaceAll('_', ' ').replaceAll('%', '%25').replaceAll('=', '%')))
    .replaceAll('=\r\n', '').replaceAll(/((?:=[0-9A-F]{2})+)/g, (bytes) => { try { return decodeURIComponent(bytes.replaceAll('=', '%')) } catch { return bytes } })
  const found = () => mails.map(decoded).find((each) => each.includes(`<${to}>`) && each.includes(subject))
  await eventually(found, `a mail to ${to}: ${subject}`, 40_000)
  return found()
}

async function sound(page, where) {
  await accessible(page)
  check(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${where} does not scroll sideways`)
  check(page.faults.length === 0, `${where}: no faults: ${page.faults}`)
}

// reach moves the focus by the keyboard alone until it is on what a selector finds, and no further than to the
// last thing of a page.
async function reach(page, selector) {
  for (let i = 0; i < 120; i += 1) {
    await page.keyboard.press('Tab')
    if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return
  }
  throw new Error(`the keyboard does not reach ${selector}`)
}

const press = async (page, selector, key = 'Enter') => {
  await reach(page, selector)
  check(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle !== 'none'), `the focus is seen on ${selector}`)
  await page.keyboard.press(key)
}

await run(async (browser) => {
  // With a script, by the keyboard.
  const page = await open(browser, { viewport: { width: 1280, height: 800 }, locale: 'it-IT' })
  await page.clock.install()
  await page.goto('/')
  await press(page, 'main a[href="/book?lang=it"]')
  await page.waitForURL('**/book?lang=it')
  await sound(page, 'the choice of a territory')
  await press(page, 'a[href*="territory=isernia"]')
  await page.waitForURL('**territory=isernia**')
  await sound(page, 'the needs')
  await press(page, 'a[href*="need=lavoro-perso"]')
  await page.waitForURL('**need=lavoro-perso**')
  await sound(page, 'the services')
  await press(page, 'a[href^="/book/JNT-LAVORO"]')
  await page.waitForURL('**/book/JNT-LAVORO?**')
  check(await page.textContent('.step-current') === '1Luogo', 'the first step is the place')
  check((await page.textContent('.link-card')).includes('martedì 24 novembre, ore 11:30'), 'where soonest comes first')
  await sound(page, 'the places')
  await press(page, 'a[href*="office=isernia-centro-integrato"]')
  await page.waitForURL('**office=isernia-centro-integrato**')
  const days = await page.locator('.day-name').allTextContents()
  check(days.join() === 'martedì 24 novembre,giovedì 26 novembre', `only days on which both are there: ${days}`)
  await press(page, '.day:nth-child(2) summary')
  await sound(page, 'the times')
  await press(page, '.day:nth-child(2) .time')
  await page.waitForURL('**/book/JNT-LAVORO/**')
  check(/^\d:\d\d$/.test(await page.textContent('.hold-left')), 'the time that is left runs')
  await sound(page, 'the details')
  await page.clock.runFor(8 * 60_000)
  check((await page.textContent('.hold-news')).startsWith('Mancano meno di 2 minuti'), 'and a warning comes before it is over')
  await accessible(page)
  await reach(page, '#note')
  await page.keyboard.type('Porto il curriculum.')
  await press(page, '[value="contact"]')
  await page.locator('#name').waitFor()
  await sound(page, 'the contact')
  await reach(page, '#email')
  await page.keyboard.type('sbagliata@')
  await press(page, '[value="review"]')
  await page.locator('.note-danger').waitFor()
  check(await page.evaluate(() => document.activeElement.matches('.note-danger')), 'what is wrong is read first')
  check((await page.title()).startsWith('Errore:'), 'and said in the title')
  await sound(page, 'what is wrong')
  await press(page, 'a[href="#name"]')
  check(await page.evaluate(() => document.activeElement.id === 'name'), 'and leads to the field')
  await page.keyboard.type('Prova Inventata')
  await reach(page, '#email')
  await page.keyboard.press('Control+A')
  await page.keyboard.type('prova@prova.example')
  await press(page, '[value="review"]')
  await page.locator('#who').waitFor()
  await sound(page, 'the summary')
  check(!page.url().includes('Prova') && !page.url().includes('prova%40'), 'what one says of oneself is in no address')
  await press(page, '[value="book"]')
  await page.waitForURL('**/a/**')
  check(await page.isVisible('text=Appuntamento confermato') && await page.isVisible('text=Cosa portare'), 'it is booked')
  await sound(page, 'the appointment')
  const own = new URL(page.url()).pathname
  const code = await page.textContent('.code')

  const confirmed = await mail('prova@prova.example', 'Appuntamento confermato')
  check(confirmed.includes(code) && confirmed.includes(own) && confirmed.includes('text/calendar'), 'the mail has the code, the link and the calendar')
  const calendar = await page.request.get(`${own}.ics`)
  check((await calendar.text()).includes('DTSTART:20261126T080000Z'), 'the calendar has the time')
  check((await page.request.get(`${own}/receipt.pdf`)).headers()['content-type'] === 'application/pdf', 'there is a paper')

  await press(page, 'a[href$="/move?lang=it"]')
  await page.waitForURL('**/move?**')
  await sound(page, 'the other times')
  await press(page, '.month:nth-child(2)')
  await page.waitForURL('**month=2026-12**')
  await press(page, '.time')
  await page.waitForURL('**/move/**')
  await sound(page, 'the question whether to move')
  await press(page, 'form .button')
  await page.waitForURL('**just=moved**')
  check(await page.isVisible('text=martedì 1º dicembre 2026'), 'it is moved')
  check((await mail('prova@prova.example', 'Appuntamento cambiato')).includes('martedì 1º dicembre'), 'and so the citizen is told')

  // Who has it already is not told by whom they say they are.
  await page.goto('/book/JNT-LAVORO?office=isernia-centro-integrato&lang=it')
  await page.click('.time')
  await page.click('[value="contact"]')
  await page.fill('#name', 'Prova Inventata')
  await page.fill('#email', 'prova@prova.example')
  await page.click('[value="review"]')
  await page.click('[value="book"]')
  check(!(await page.textContent('main')).includes('dicembre'), 'nobody is told when another appointment is')
  await sound(page, 'the known need')
  await page.click('[value="link"]')
  await sound(page, 'the link sent')
  check((await mail('prova@prova.example', 'Il tuo appuntamento')).includes(own), 'the link comes by mail')

  await page.goto('/book/JNT-LAVORO/wait?office=isernia-centro-integrato&lang=it')
  await sound(page, 'the waiting list')
  await page.fill('#name', 'Prova Inventata')
  await page.click('.onward .button')
  await page.locator('.note-danger').waitFor()
  await sound(page, 'what is wrong with it')
  await page.fill('#email', 'attesa@prova.example')
  await page.click('.onward .button')
  await page.waitForURL('**/wait/**')
  await sound(page, 'the place in the waiting list')
  await mail('attesa@prova.example', 'lista d\'attesa')

  await page.goto(`${own}/data?lang=it`)
  await sound(page, 'the data')
  await page.goto(`${own}/cancel?lang=it`)
  await sound(page, 'the question whether to cancel')
  await page.click('form .button')
  check(await page.isVisible('text=Appuntamento annullato'), 'it is cancelled')
  await sound(page, 'the cancelled appointment')
  await mail('prova@prova.example', 'Appuntamento annullato')

  // Without a script, on the smallest phone, in Arabic.
  const plain = await open(browser, { ...small, javaScriptEnabled: false })
  const narrow = async (where) => {
    const width = (await plain.locator('main').boundingBox()).width
    check(width <= 320 && await plain.evaluate(() => document.documentElement.scrollWidth <= 320), `${where} fits`)
  }
  await plain.goto('/book?territory=isernia&lang=it')
  await plain.click('.tongue-menu summary')
  await plain.click('a[hreflang="ar"]')
  check(await plain.getAttribute('html', 'dir') === 'rtl', 'another language is two touches away')
  await narrow('the needs')
  await plain.click('a[href*="need=lavoro-perso"]')
  await plain.click('a[href^="/book/JNT-LAVORO"]')
  await narrow('the places')
  await plain.click('a[href*="office=isernia-centro-integrato"]')
  await plain.click('.month:nth-child(2)')
  await narrow('the times')
  await plain.click('.time')
  await narrow('the details')
  await plain.fill('#note', 'ملاحظة')
  await plain.click('[value="contact"]')
  await narrow('the contact')
  await plain.fill('#name', 'Altra Inventata')
  await plain.fill('#email', 'altra@prova.example')
  await plain.click('[value="review"]')
  await narrow('the summary')
  await plain.click('[value="times"]')
  await plain.click('.months .month:nth-child(2)')
  await plain.click('.day:nth-child(2) summary')
  await plain.click('.day:nth-child(2) .time')
  check(await plain.inputValue('#note') === 'ملاحظة', 'another time, and nothing is to be typed again')
  await plain.click('[value="contact"]')
  check(await plain.inputValue('#name') === 'Altra Inventata', 'nor on the next page')
  await plain.click('[value="review"]')
  await plain.click('[value="book"]')
  check(await plain.isVisible('.code'), 'it is booked')
  await narrow('the appointment')
  await plain.click('.button-danger')
  await plain.click('form .button')
  check(await plain.isVisible('.own-over'), 'and cancelled')
  await narrow('the cancelled appointment')
  check((await mail('altra@prova.example', 'text/calendar')).includes('Content-Language: ar'), 'the mail is in the language of the pages')

  const lost = await open(browser, small)
  for (const path of ['/a/nobody', '/book/NONE', '/book/JNT-LAVORO/nobody', '/book/HIS-REI?territory=isernia', '/book/ACC-INFO?territory=isernia']) {
    await lost.goto(path)
    await sound(lost, path)
  }
})

// Health cards at a kiosk, as a reader of codes types them: told from hands by when its keys come, looked at and
// confirmed, there for an appointment, taken along to book another, and forgotten. SHOTS names a folder for
// screenshots.
import { back, end, keep, pass, reader } from '../src/lobby/reader.js'
import { accessible, check, enrol, eventually, fits, open, run, scan, sleep } from './office.mjs'

const { PASSWORD = 'sportello', SHOTS } = process.env
const office = 'isernia-centro-integrato'
const upright = { viewport: { width: 1080, height: 1920 }, hasTouch: true, locale: 'it-IT', serviceWorkers: 'block' }
const lying = { width: 1920, height: 1080 }
const card = 'XQZWJY80A01F205S'
const other = 'XQZWJY80A41E335A'
const stripe = `%${card}  XQZW<WKJY?;80380000000000000000?`

const shoot = (page, name) => SHOTS && page.screenshot({ path: `${SHOTS}/card-${name}.png` })

// told is what a reader's keys are taken for, each so many milliseconds after the one before.
function told(keys, ms) {
  const read = reader()
  let at = 0
  const what = [...keys].map((key, i) => {
    at += ms[i] ?? ms.at(-1)
    return read.key({ '⏎': 'Enter', '⇥': 'Tab' }[key] ?? key, at)
  })
  return { what, read, text: read.take() }
}

function tellsReadersFromHands() {
  const scanned = told(`${card}⏎`, [10])
  check(scanned.what.at(-1) === end && scanned.text === `${card}\n`, 'fast keys and Enter are a code')
  check(scanned.what.filter((what) => what === pass).length === 2 && scanned.what.slice(2, -1).every((what) => what === keep), 'of which two are out before it is noticed')
  check(told(`${card}⇥`, [10]).what.at(-1) === end, 'Tab ends it too')
  check(told(`${card}⏎`, [10, 10, 10, 10, 10, 10, 200, 10]).what.at(-1) === end, 'a reader may falter once')
  check(told(`${card}⏎;8038?⏎`, [10]).text === `${card}\n;8038?\n`, 'a second track belongs to the first')
  check(told(`${card}⏎⏎`, [10]).what.at(-1) === end, 'and a second end')
  check(told('anna bianchi⏎', [130]).what.every((what) => what === pass), 'who types is left alone')
  check(told('casa⏎', [30]).what.at(-1) === back, 'also who types a short word fast')
  check(told('abcdefgh', [20, 20, 20, 20, 280]).what.includes(back), 'and who then thinks')
  check(told(`ab${card}⏎`, [400, 400, 400, 10]).text.endsWith(`${card}\n`), 'what one typed before is no part of it')
  const { read } = told('', [])
  for (const [i, key] of [...card].entries()) read.key(key, i * 10)
  check(read.code(false) && !read.code(true) && read.late(1_000) && !read.late(200), 'without an end it is a code only where nobody can type')
}

const heading = (page, name) => page.getByRole('heading', { level: 1, name }).waitFor()
const source = (page) => page.evaluate(() => document.documentElement.outerHTML + [...document.querySelectorAll('input')].map((input) => input.value))
const asked = (page) => heading(page, 'È la tua tessera?')

async function hidden(page, where) {
  const text = await source(page)
  check(!text.includes(card) && !text.includes(card.slice(3, 13)), `${where} the code is not in the page`)
}

// booked has staff book a start of today for a card by telephone.
async function booked(staff, service, code) {
  const json = async (answer) => {
    check(answer.ok(), `${answer.url()}: ${answer.status()}`)
    return answer.json()
  }
  const { offices } = await json(await staff.get(`/api/v1/availability?office=${office}&service=${service}&from=2026-11-24&to=2026-11-24&channel=staff`))
  const { token } = await json(await staff.post('/api/v1/holds', { data: { office, service, start: offices[0].starts[0].start } }))
  await json(await staff.post('/api/v1/appointments', { data: { hold: token, contact: { name: 'Prova Inventata', fiscal_code: code }, language: 'it' } }))
}

// sound looks at a page in either view, in two modes.
async function sound(page, name) {
  const faults = []
  for (const viewport of [upright.viewport, lying]) {
    await page.setViewportSize(viewport)
    for (const mode of ['', 'contrast']) {
      await page.evaluate((high) => {
        document.documentElement.toggleAttribute('data-contrast', false)
        if (high) document.documentElement.setAttribute('data-contrast', 'high')
        document.dispatchEvent(new Event('lobby:part')) // which has the page fitted anew
      }, mode !== '')
      faults.push(...(await fits(page)).map((fault) => `${name} ${viewport.width} ${mode}: ${fault}`))
      await accessible(page)
      await shoot(page, `${name}-${viewport.width}${mode}`)
      await page.evaluate(() => document.documentElement.removeAttribute('data-contrast'))
    }
  }
  await page.setViewportSize(upright.viewport)
  check(faults.length === 0, `${name} fits the screen: ${faults.join('; ')}`)
}

async function arrives(browser) {
  const officer = await open(browser, { locale: 'it-IT' })
  await officer.request.post('/sign-in', { form: { login: 'isernia.cpi-1', password: PASSWORD } })
  await booked(officer.request, 'CPI-PATTO', card)
  for (const service of ['CPI-PATTO', 'JNT-LAVORO']) await booked(officer.request, service, other)
  await officer.goto(`/desk/appointments?office=${office}`)
  const arrived = officer.locator('.line', { hasText: 'Prova Inventata' }).filter({ hasText: 'Arrivato alle' })
  check(await arrived.count() === 0, 'nobody has arrived')

  const page = await open(browser, upright)
  await enrol(page, 'kiosk')
  const urls = []
  page.on('request', (request) => urls.push(request.url()))
  await page.goto('/kiosk')
  const before = await page.evaluate(() => history.length)
  await scan(page, stripe)
  await asked(page)
  await hidden(page, 'when it is confirmed')
  check((await page.locator('.card-code').innerText()).includes('XQZ••••••••••05S'), 'but its ends')
  await sound(page, 'confirm')
  await page.locator('#tool-language').tap()
  await page.locator('#languages button', { hasText: 'العربية' }).tap()
  await page.locator('html[lang="ar"]').waitFor()
  await sound(page, 'confirm-ar')
  await page.locator('#tool-language').tap()
  await page.locator('#languages button', { hasText: 'Italiano' }).tap()
  await page.locator('html[lang="it"]').waitFor()
  for (let step = 0; step < 30; step += 1) {
    await page.keyboard.press('Tab')
    if (await page.evaluate(() => document.activeElement.matches('#yes'))) break
  }
  await page.keyboard.press('Enter')
  await heading(page, /Il tuo numero/)
  await hidden(page, 'on the ticket')
  check(await page.getByText('Appuntamento delle 11:00').isVisible(), 'the number is that of the appointment')
  check(!urls.some((url) => url.includes(card)) && page.url().endsWith('/kiosk'), 'the code was in no address')
  check(await page.evaluate(() => history.length) === before && await page.evaluate(() => localStorage.length + sessionStorage.length) === 0, 'nor is anything kept')
  await eventually(async () => {
    await officer.reload()
    return await arrived.count() === 1
  }, 'the officer sees who has arrived')

  // the next one does not wait until the number is gone
  await scan(page, other, 'Tab')
  await asked(page)
  await page.getByRole('button', { name: 'Sì, è la mia' }).tap()
  await heading(page, 'Per quale appuntamento sei qui?')
  await sound(page, 'times')
  await page.getByRole('button', { name: '11:00' }).tap()
  await heading(page, /Il tuo numero/)
  await page.getByRole('link', { name: 'Fine' }).tap()
  await heading(page, 'Benvenuto')

  await scan(page, 'XQZWJYULALMFNLRY', null)
  await asked(page)
  check(true, 'a reader that ends with nothing is heard too')
  await page.getByRole('button', { name: 'Sì, è la mia' }).tap()
  await heading(page, 'Oggi non trovo un tuo appuntamento qui')
  await sound(page, 'none')
  await page.getByRole('link', { name: 'Scrivi il codice' }).tap()
  await heading(page, 'Hai un appuntamento?')
  await scan(page, `${card}X`)
  await page.locator('#code-wrong', { hasText: 'Questo codice non lo conosco' }).waitFor()
  check(await page.locator('#code').inputValue() === '', 'what could not be read is nowhere')
  await sound(page, 'unknown')
  await scan(page, `${card.slice(0, 15)}A`)
  await page.locator('#code-wrong', { hasText: 'Non ho letto bene la tessera' }).waitFor()
  check(page.faults.length === 0 && officer.faults.length === 0, `no faults: ${page.faults} ${officer.faults}`)
  return page
}

// forgets leaves a card alone until the kiosk begins anew.
async function forgets(page) {
  await page.clock.install()
  await page.goto('/kiosk')
  await scan(page, card)
  await asked(page)
  await page.clock.runFor(61_000)
  await page.getByRole('heading', { name: 'Ci sei ancora?' }).waitFor()
  await page.locator('[data-stay]').tap()
  check(await page.locator('.card-code').isVisible(), 'whoever needs time gets it')
  await page.clock.runFor(61_000)
  const left = page.waitForRequest((request) => request.url().endsWith('/kiosk/card/no'))
  await page.clock.runFor(31_000)
  await left
  await heading(page, 'Benvenuto')
  check(!(await source(page)).includes('XQZ'), 'nothing of the card is left')
  await page.clock.resume()
}

// books has a card fill in the codice fiscale while one books, and nothing else.
async function books(page) {
  await page.goto('/kiosk/book?id=JNT-LAVORO&lang=it')
  await page.locator('.choices-days a').last().tap()
  await page.locator('.time').first().tap()
  await page.locator('.people button').first().waitFor()
  await scan(page, card)
  await page.getByText('Prima tocca in quanti venite.').waitFor()
  await page.locator('.people button').first().tap()
  await page.locator('#name').waitFor()
  await page.keyboard.type('Prova Inventata')
  await eventually(async () => await page.locator('#name').inputValue() === 'Prova Inventata', 'who types fast is no reader')
  await sleep(400)
  await scan(page, stripe)
  await page.getByText('Ho letto la tessera:').waitFor()
  check(await page.locator('#name').inputValue() === 'Prova Inventata', 'a card leaves the name as it is')
  await hidden(page, 'while booking')
  await sound(page, 'name')
  await page.getByRole('button', { name: 'Togli la tessera' }).tap()
  await page.getByText('Se vuoi, passa anche la tessera').waitFor()
  await sound(page, 'name-none')
  await page.locator('.typing > .actions .button-main').tap()
  await page.locator('#email').waitFor()
  await sound(page, 'contact')
  await page.locator('#email').focus()
  await scan(page, card, 'Tab')
  await page.getByText('Ho letto la tessera:').waitFor()
  check(await page.locator('#email').inputValue() === '', 'nor does it go into the field that has the focus')
  await page.locator('.typing > .actions .button-main').tap()
  await page.locator('.facts', { hasText: 'XQZ••••••••••05S' }).waitFor()
  await sound(page, 'review')
  await page.locator('#main .actions button').tap()
  await page.locator('.booked-code').waitFor()
  await hidden(page, 'on the confirmation')
}

// fillsIn has a card fill in the codice fiscale of a form, whatever page of it is shown.
async function fillsIn(page) {
  await page.goto('/kiosk/forms/scheda?lang=it')
  await page.locator('#fiscal_code').waitFor()
  await scan(page, stripe)
  await page.locator('.card-read').waitFor()
  check(await page.locator('#fiscal_code').getAttribute('type') === 'password', 'a form shows the ends of a card alone')
  await sound(page, 'form')
  await page.locator('.typing > .actions .button-main').tap()
  await page.locator('#fiscal_code').waitFor({ state: 'hidden' })
  await scan(page, other)
  await page.getByText('XQZ••••••••••35A').waitFor()
}

// inWords looks at the pages of booking with a card in the largest and longest words.
async function inWords(page) {
  for (const lang of ['ar', 'ro', 'uk']) {
    for (const modes of ['', '&large=1', '&low=1']) {
      await page.goto(`/kiosk/book?id=JNT-LAVORO&lang=${lang}${modes}`)
      await page.locator('.choices-days a').last().tap()
      await page.locator('.time').first().tap()
      await page.locator('.people button').first().tap()
      await page.locator('#name').waitFor()
      await page.keyboard.type('Prova')
      await sleep(400)
      await scan(page, other)
      await page.locator('.masked').waitFor()
      await sound(page, `name-${lang}${modes}`)
      await page.locator('.typing > .actions .button-main').tap()
      await page.locator('#email').waitFor()
      await sound(page, `contact-${lang}${modes}`)
    }
  }
  for (const lang of ['ar', 'ro', 'uk', 'fr']) {
    for (const modes of ['', '&large=1', '&low=1']) {
      await page.goto(`/kiosk/arrive?lang=${lang}${modes}`)
      await scan(page, card)
      await page.locator('.card-code').waitFor()
      await sound(page, `confirm-${lang}${modes}`)
      await page.locator('#yes').tap()
      await page.locator('#main .icon').first().waitFor()
    }
  }
}

async function withoutScript(browser) {
  const page = await open(browser, { ...upright, javaScriptEnabled: false })
  await enrol(page, 'kiosk')
  await page.goto('/kiosk/arrive?lang=it')
  check(await page.locator('input[type="password"]').isVisible(), 'without a script a field takes the card, and shows it not')
  await page.locator('input[type="password"]').pressSequentially(stripe)
  await shoot(page, 'without-script')
  await page.keyboard.press('Enter')
  await asked(page)
  check((await page.content()).includes('XQZ••••••••••05S') && !(await page.content()).includes(card) && !page.url().includes(card), 'and it is asked about')
}

tellsReadersFromHands()
await run(async (browser) => {
  const page = await arrives(browser)
  await books(page)
  await fillsIn(page)
  await inWords(page)
  await forgets(page)
  check(page.faults.length === 0, `no faults: ${page.faults}`)
  await withoutScript(browser)
})

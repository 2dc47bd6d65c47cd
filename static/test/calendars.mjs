// External calendars: a manager adds an officer's, tries it first, sees the time taken in the diary and
// what it clashes with, and sees to that in one action; then the office's, which closes it to the public.
// By the keyboard, with what servers do wrong.
//
// SHOTS names a folder for screenshots of every page.
import { createServer } from 'node:http'
import { join } from 'node:path'
import { accessible, check, eventually, open, run } from './office.mjs'

const { PASSWORD, SHOTS } = process.env
const office = 'isernia-centro-integrato'
const day = '2026-12-01' // a Tuesday: CPI and INPS are there
const secret = 'private-5f3a9c'

const lines = (events) => `BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Prova//IT\r\n${events.join('')}END:VCALENDAR\r\n`
const event = (uid, ...more) => `BEGIN:VEVENT\r\nUID:${uid}\r\nDTSTAMP:20261101T000000Z\r\nSUMMARY:Visita medica\r\n${more.join('\r\n')}\r\nEND:VEVENT\r\n`
const zoned = (name, time) => `${name};TZID=Europe/Rome:20261201T${time}00`

const feeds = {
  officer: lines([
    event('a', zoned('DTSTART', '1000'), zoned('DTEND', '1100')),
    event('b', zoned('DTSTART', '1130'), zoned('DTEND', '1200'), 'TRANSP:TRANSPARENT'),
    event('c', 'DTSTART;TZID=Marte/Olimpo:20261201T090000', 'DURATION:PT1H'),
  ]),
  office: lines([event('d', 'DTSTART;VALUE=DATE:20261201')]),
}

const server = createServer(({ url }, answer) => {
  const text = feeds[url.split('/').at(-1)]
  answer.writeHead(text ? 200 : 404, { 'Content-Type': 'text/calendar' }).end(text)
})
await new Promise((done) => { server.listen(0, '127.0.0.1', done) })
const feed = (name) => `http://127.0.0.1:${server.address().port}/${secret}/${name}`

const fits = (page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)
const focused = (page) => page.evaluate(() => document.activeElement.id)

async function look(page, name) {
  if (SHOTS) {
    await page.screenshot({ path: join(SHOTS, `calendars-${name}.png`), fullPage: true, caret: 'initial' })
    const size = page.viewportSize()
    await page.setViewportSize({ width: 1024, height: 768 })
    await page.screenshot({ path: join(SHOTS, `calendars-${name}-tablet.png`), fullPage: true, caret: 'initial' })
    check(await fits(page), `${name}: nothing to scroll sideways on a tablet`)
    await page.setViewportSize(size)
  }
  await accessible(page)
  check(await fits(page), `${name}: nothing to scroll sideways`)
  check(page.faults.length === 0, `${name}: no script and no policy complains: ${page.faults}`)
}

async function signIn(page, login) {
  await page.request.post('/sign-in', { form: { login, password: PASSWORD } })
}

// free are the joint starts of the day that the public is offered.
async function free(page) {
  const found = await (await page.request.get(`/api/v1/availability?service=JNT-LAVORO&office=${office}&from=${day}&to=${day}`)).json()
  return found.offices[0].starts.map(({ start, ways }) => `${start.slice(11, 16)}×${ways}`)
}

async function book(page, time, name) {
  await page.goto(`/desk/diary/book?office=${office}&service=JNT-LAVORO&day=${day}`)
  await page.locator(`button[name="start"][value^="${day}T${time}"]`).click()
  await page.fill('#name', name)
  await page.locator('#contact .button-primary').click()
  await page.locator('.readout-code').waitFor()
}

await run(async (browser) => {
  const manager = await open(browser, { locale: 'it-IT', viewport: { width: 1366, height: 900 } })
  const officer = await open(browser, { locale: 'it-IT', viewport: { width: 1366, height: 900 } })
  await signIn(manager, 'isernia.responsabile')
  await signIn(officer, 'isernia.cpi-3')
  await book(officer, '10:00', 'Anna Prova')
  const before = await free(manager)

  // What is not right is said where one looks, and nothing typed is lost.
  await manager.goto('/manage/calendars')
  await look(manager, 'none')
  await manager.goto('/manage/calendars/new')
  await look(manager, 'new')
  await manager.focus('#whose')
  await manager.selectOption('#whose', 'officer/isernia/inps-1')
  await manager.keyboard.press('Tab')
  check(await focused(manager) === 'name', 'the keyboard goes from field to field')
  await manager.keyboard.type('Impegni di lavoro')
  await manager.keyboard.press('Tab')
  await manager.keyboard.type('ftp://calendario.example')
  await manager.keyboard.press('Enter')
  await manager.waitForSelector('#refused')
  check(await manager.inputValue('#name') === 'Impegni di lavoro' && await manager.inputValue('#whose') === 'officer/isernia/inps-1', 'nothing typed is lost')
  check(await manager.getAttribute('#address', 'aria-invalid') === 'true', 'the field that is wrong says so')
  await look(manager, 'refused')

  // A try says what would be read, and keeps nothing.
  for (const [address, text] of [[feed('nothing'), 'non c\'è più niente'], ['http://169.254.169.254/', 'rete non permessa']]) {
    await manager.fill('#address', address)
    await manager.click('button[value="try"]')
    await manager.waitForSelector(`#tried .alert-danger:has-text("${text}")`)
  }
  await look(manager, 'tried-nothing')
  await manager.fill('#address', feed('officer'))
  await manager.click('button[value="try"]')
  await manager.waitForSelector('#tried li')
  const tried = await manager.textContent('#tried')
  check(tried.includes('10:00–11:00') && !tried.includes('11:30') && tried.includes('il fuso orario è sconosciuto'), 'the busy time, and what is refused and why')
  check(!tried.includes('Visita'), 'no title of a private event')
  await look(manager, 'tried')
  check((await free(manager)).join() === before.join(), 'a try takes no time')

  // Saved, it takes the time of the officer.
  await manager.click('button[value="save"]')
  await manager.waitForSelector('#done')
  check((await manager.textContent('tbody')).includes('1 impegno'), 'the log says what was read')
  check(!(await manager.content()).includes(secret), 'the secret part of the address is not shown')
  await look(manager, 'added')
  const after = await free(manager)
  check(after.length < before.length || after.join() !== before.join(), `there are fewer ways: ${before} → ${after}`)
  await manager.goto('/manage/calendars?q=impegni')
  check(await manager.locator('tbody tr').count() === 1, 'it is found')
  await look(manager, 'list')

  // The clash is flagged where the office is run, and seen to in one action.
  await manager.goto('/manage/live')
  await manager.waitForSelector('.alert-danger a:has-text("tempo occupato")')
  await look(manager, 'live')
  await manager.goto(`/desk/diary?office=${office}&day=${day}`)
  check(await manager.locator('.block-clash').count() > 0, 'the diary shows the clash')
  await look(manager, 'diary')
  await manager.goto('/manage/live')
  await manager.click('.alert-danger a:has-text("tempo occupato")')
  await manager.waitForSelector('#clash-title')
  await look(manager, 'clash')
  await manager.locator('section:has(#clash-title) button').focus()
  await manager.keyboard.press('Enter')
  await manager.waitForSelector('#done')
  check((await manager.textContent('#done')).includes('affidato'), 'somebody else does it at the same time')
  check(await manager.locator('#clash-title').count() === 0, 'and nothing clashes any more')

  // The office's calendar closes it: nothing is on sale, and what is booked is moved on.
  await manager.goto('/manage/calendars/new')
  await manager.selectOption('#whose', `office/isernia/${office}`)
  await manager.fill('#name', 'Chiusure')
  await manager.fill('#address', feed('office'))
  await manager.click('button[value="save"]')
  await manager.waitForSelector('#done')
  check((await free(manager)).length === 0, 'the public is offered nothing that day')
  const citizen = await open(browser, { locale: 'it-IT' })
  await citizen.goto(`/book/JNT-LAVORO?office=${office}&lang=it`)
  const days = await citizen.locator('.day-name').allTextContents()
  check(!days.some((name) => name.includes('1 dicembre')), `nor on the page: ${days}`)
  await manager.goto(`/desk/diary/blocks?office=${office}`)
  await look(manager, 'closed')
  await manager.click('section:has(#clash-title) button')
  await manager.waitForSelector('#done')
  check((await manager.textContent('#done')).includes('spostato'), 'it is moved to the next start')
  check(await manager.locator('#clash-title').count() === 0, 'and nothing clashes any more')

  // A server that fails loses nothing; what is gone from the calendar is free again.
  await manager.goto('/manage/calendars')
  await manager.click('a:has-text("Chiusure")')
  const good = feeds.office
  feeds.office = '<html>Accedi</html>'
  await manager.click('form[action$="/sync"] button')
  await manager.waitForSelector('tbody .state-warning:has-text("Non è un calendario")')
  await look(manager, 'failed')
  check((await free(manager)).length === 0, 'the last good copy stays')
  feeds.office = good.replace('20261201', '20261202')
  await manager.click('form[action$="/sync"] button')
  await eventually(async () => (await free(manager)).length > 0, 'what is gone from the calendar is free')

  // Removed, it takes nothing.
  await manager.goto('/manage/calendars')
  await manager.click('a:has-text("Impegni di lavoro")')
  await manager.click('a[href$="/remove"]')
  await manager.waitForSelector('.btn-danger')
  await look(manager, 'remove')
  await manager.click('.btn-danger')
  await manager.waitForSelector('#done')
  check(await manager.locator('tbody tr').count() === 1, 'one is left')

  // Officers have no say in it.
  check((await officer.request.get('/manage/calendars')).status() === 403, 'officers do not open it')
  server.close()
})

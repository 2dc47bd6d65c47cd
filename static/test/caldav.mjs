// An officer's own calendar, kept in step both ways: a manager finds it at its server and chooses it among
// others. What the officer has there takes its time here, its appointments appear there, and what it does to
// them there is asked of the manager, who decides. The server is Radicale, started here.
//
// SHOTS names a folder for screenshots of every page.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { accessible, check, eventually, open, run } from './office.mjs'

const { PASSWORD, SHOTS } = process.env
const office = 'isernia-centro-integrato'
const day = '2026-12-01' // a Tuesday: CPI and INPS are there
const [user, secret] = ['operatore1', 'una parola segreta']

const folder = mkdtempSync(join(tmpdir(), 'radicale-'))
const port = await new Promise((done) => {
  const probe = createServer().listen(0, '127.0.0.1', () => { const { port } = probe.address(); probe.close(() => done(port)) })
})
spawnSync('htpasswd', ['-bcB', join(folder, 'users'), user, secret])
writeFileSync(join(folder, 'config'), `[server]
hosts = 127.0.0.1:${port}
[auth]
type = htpasswd
htpasswd_filename = ${folder}/users
htpasswd_encryption = bcrypt
[rights]
type = owner_only
[storage]
filesystem_folder = ${folder}/collections
`)
const radicale = spawn('radicale', ['--config', join(folder, 'config')], { stdio: 'ignore' })
const root = `http://127.0.0.1:${port}/`

async function ask(method, path, body) {
  const headers = { Depth: '1', Authorization: 'Basic ' + Buffer.from(`${user}:${secret}`).toString('base64'), 'Content-Type': body?.startsWith('<') ? 'application/xml' : 'text/calendar; charset=utf-8' }
  const answer = await fetch(root + path, { method, body, headers })
  return { status: answer.status, text: await answer.text() }
}

const named = (name) => '<c:mkcalendar xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:set><d:prop>' +
  `<d:displayname>${name}</d:displayname><c:supported-calendar-component-set><c:comp name="VEVENT"/></c:supported-calendar-component-set></d:prop></d:set></c:mkcalendar>`
const event = (uid, ...lines) => ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//Prova//IT', 'BEGIN:VEVENT', `UID:${uid}`, 'DTSTAMP:20261101T000000Z', ...lines, 'END:VEVENT', 'END:VCALENDAR', ''].join('\r\n')

const fits = (page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)

async function look(page, name) {
  if (SHOTS) {
    await page.screenshot({ path: join(SHOTS, `caldav-${name}.png`), fullPage: true, caret: 'initial' })
    const size = page.viewportSize()
    await page.setViewportSize({ width: 1024, height: 768 })
    await page.screenshot({ path: join(SHOTS, `caldav-${name}-tablet.png`), fullPage: true, caret: 'initial' })
    check(await fits(page), `${name}: nothing to scroll sideways on a tablet`)
    await page.setViewportSize(size)
  }
  await accessible(page)
  check(await fits(page), `${name}: nothing to scroll sideways`)
  check(page.faults.length === 0, `${name}: no script and no policy complains: ${page.faults}`)
}

// free are the joint starts of the day that the public is offered.
async function free(page) {
  const found = await (await page.request.get(`/api/v1/availability?service=JNT-LAVORO&office=${office}&from=${day}&to=${day}`)).json()
  return found.offices[0].starts.map(({ start, ways }) => `${start.slice(11, 16)}×${ways}`)
}

async function book(page, time) {
  await page.goto(`/desk/diary/book?office=${office}&service=JNT-LAVORO&day=${day}`)
  await page.locator(`button[name="start"][value^="${day}T${time}"]`).click()
  await page.fill('#name', 'Anna Prova')
  await page.locator('#contact .button-primary').click()
  await page.locator('.readout-code').waitFor()
}

// copies are the appointments in the officer's calendar: where they stand, and what is told of them.
async function copies() {
  const { text } = await ask('PROPFIND', `${user}/agenda/`, '<d:propfind xmlns:d="DAV:"><d:prop><d:getetag/></d:prop></d:propfind>')
  const paths = [...text.matchAll(/<href>\/?([^<]*(?:@|%40)sportello\.ics)<\/href>/g)].map(([, path]) => path)
  return Promise.all(paths.map(async (path) => ({ path, text: (await ask('GET', path)).text.replaceAll('\r', '') })))
}

await run(async (browser) => {
  try {
    await eventually(async () => (await ask('GET', '').catch(() => ({}))).status, 'Radicale answers')
    check((await ask('MKCALENDAR', `${user}/agenda/`, named('Agenda di lavoro'))).status === 201, 'a calendar')
    check((await ask('MKCALENDAR', `${user}/casa/`, named('Casa'))).status === 201, 'another one')
    const manager = await open(browser, { locale: 'it-IT', viewport: { width: 1366, height: 900 } })
    const officer = await open(browser, { locale: 'it-IT', viewport: { width: 1366, height: 900 } })
    await manager.request.post('/sign-in', { form: { login: 'isernia.responsabile', password: PASSWORD } })
    await officer.request.post('/sign-in', { form: { login: 'isernia.cpi-3', password: PASSWORD } })
    await book(officer, '10:00')

    // Found by the server's name alone, once the password is right.
    await manager.goto('/manage/calendars/new')
    await manager.check('input[name="kind"][value="caldav"]')
    await manager.selectOption('#whose', `office/isernia/${office}`)
    await manager.fill('#name', 'Agenda di inps-1')
    await manager.fill('#address', root)
    await manager.fill('#user', user)
    await manager.fill('#secret', 'un\'altra')
    await manager.click('button[value="try"]')
    await manager.waitForSelector('#refused:has-text("Scegli un operatore")')
    await look(manager, 'nobody')
    await manager.selectOption('#whose', 'officer/isernia/inps-1')
    await manager.click('button[value="try"]')
    await manager.waitForSelector('#tried .alert-danger:has-text("password")')
    check(await manager.isChecked('input[value="caldav"]'), 'nothing typed is lost')
    await manager.fill('#secret', secret)
    await manager.click('button[value="save"]')
    await manager.waitForSelector('#refused:has-text("Scegli il calendario")')
    check(await manager.locator('input[name="collection"]').count() === 2, 'both calendars are found')
    await look(manager, 'choose')
    await manager.check('label:has-text("Agenda di lavoro") input')
    await manager.click('button[value="save"]')
    await manager.waitForSelector('#done')
    check((await manager.textContent('tbody')).includes('1 appuntamento scritto'), 'the log says what was written')
    check(!(await manager.content()).includes(secret), 'the password is not shown')
    await look(manager, 'added')
    const page = new URL(manager.url()).pathname
    const sync = async (text) => {
      await manager.goto(page)
      await manager.click('form[action$="/sync"] button')
      await manager.waitForSelector(`tbody tr:first-child:has-text("${text}")`)
    }

    // The appointment stands there, without its citizen.
    const [copy] = await copies()
    check(copy.text.includes('DTSTART:20261201T090000Z') && !copy.text.includes('Anna'), `the appointment, and nobody's name: ${copy.text}`)

    // What the officer has there takes its time.
    const before = await free(manager)
    await ask('PUT', `${user}/agenda/visita.ics`, event('visita', 'DTSTART;TZID=Europe/Rome:20261201T110000', 'DTEND;TZID=Europe/Rome:20261201T120000', 'SUMMARY:Visita'))
    await sync('1 nuovo')
    const after = await free(manager)
    check(before.join() !== after.join(), `there are fewer ways: ${before} → ${after}`)
    await manager.goto(`/desk/diary?office=${office}&day=${day}`)
    check(!(await manager.content()).includes('Visita'), 'no title of a private event')

    // It moves the appointment there: nothing changes here until the manager says so.
    await ask('PUT', copy.path, copy.text.replace('T090000Z', 'T093000Z').replace(/DTEND:\S+/, 'DTEND:20261201T101500Z'))
    await sync('1 richiesta')
    check((await copies())[0].text.includes('T090000Z'), 'it was put back')
    await manager.goto('/manage/live')
    await manager.waitForSelector('.alert-danger a:has-text("ha spostato nel suo calendario")')
    await manager.goto('/manage/calendars')
    await look(manager, 'list')
    await manager.click('.alert-warning a')
    await manager.waitForSelector('h1:has-text("Richieste")')
    await look(manager, 'request')
    await manager.click('a[href$="/accept"]')
    await manager.waitForSelector('h1:has-text("10:30")')
    await look(manager, 'accept')
    await manager.locator('.actions .btn').first().focus()
    await manager.keyboard.press('Enter')
    await manager.waitForSelector('#done')
    await look(manager, 'accepted')
    await sync('1 appuntamento scritto')
    const [moved] = await copies()
    check(moved.path === copy.path && moved.text.includes('T093000Z') && moved.text.includes('SEQUENCE:1'), `it is the same one, moved: ${moved.text}`)

    // It takes the appointment away there: the manager leaves it as it was.
    await ask('DELETE', moved.path)
    await sync('1 richiesta')
    await manager.goto('/manage/calendars/requests')
    await manager.click('a[href$="/refuse"]')
    await manager.click('.actions button.btn-primary')
    await manager.waitForSelector('#done')
    check((await manager.textContent('main')).includes('Nessuna richiesta'), 'nothing is left to decide')
    check((await copies()).length === 1, 'the appointment is in its place')

    // A password that was changed there is said, and nothing is lost.
    spawnSync('htpasswd', ['-bB', join(folder, 'users'), user, 'cambiata'])
    await sync('password')
    await look(manager, 'revoked')
    check((await free(manager)).join() === (await free(officer)).join(), 'its time is still taken')
  } finally {
    radicale.kill()
    rmSync(folder, { recursive: true, force: true })
  }
})

// An administrator's morning in the console: a kiosk is enrolled by its code and shut out again, a
// colleague gets an account and sets the password by a link, a session is ended, a key is made; the
// screen is locked, and guessing passwords is slowed down.
//
// SHOTS names a folder for screenshots of every page.
import { join } from 'node:path'
import { accessible, check, eventually, open, run } from './office.mjs'

const { PASSWORD, SHOTS } = process.env
const login = 'isernia.amministrazione'
const office = 'isernia-centro-integrato'
const chosen = 'una frase lunga di prova'

async function signIn(page, name, password = PASSWORD) {
  await page.goto('/sign-in')
  await page.fill('#login', name)
  await page.fill('#password', password)
  await page.click('main form button')
}

const sideways = (page) => page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)

// look judges the page that is shown.
async function look(page, name) {
  if (SHOTS) await page.screenshot({ path: join(SHOTS, `manage-${name}.png`), caret: 'initial' })
  await accessible(page)
  check(!await sideways(page), `${name}: nothing to scroll sideways`)
  check(page.faults.length === 0, `${name}: no script and no policy complains: ${page.faults}`)
}

const focused = (page) => page.evaluate(() => document.activeElement.id)

await run(async (browser) => {
  const admin = await open(browser, { viewport: { width: 1366, height: 768 }, locale: 'it-IT', permissions: ['clipboard-read', 'clipboard-write'] })
  await admin.goto('/manage/devices')
  check(new URL(admin.url()).pathname === '/sign-in', 'nobody comes in unasked')
  await signIn(admin, login)
  await admin.waitForURL('**/manage')
  await look(admin, 'home')

  // A kiosk: added, enrolled by its code in another browser, seen, shut out.
  await admin.click('.menu a[href="/manage/devices"]')
  await admin.waitForURL('**/manage/devices')
  await eventually(async () => await focused(admin) === 'main', 'the focus goes where the page does')
  check(await admin.title() === 'Dispositivi · Sportello', 'the title follows')
  await look(admin, 'devices')
  await admin.click('a[href="/manage/devices/new"]')
  await admin.waitForSelector('.chooser')
  await admin.selectOption('#office', office)
  await admin.click('.chooser button')
  await admin.waitForSelector('#name')
  await look(admin, 'device-new')
  await admin.click('.form .btn-primary')
  await admin.waitForSelector('#refused')
  check(await focused(admin) === 'refused' && await admin.evaluate(() => scrollY) === 0, 'a refusal is where one looks')
  await look(admin, 'device-refused')
  await admin.fill('#name', 'Totem di prova')
  await admin.click('.form .btn-primary')
  await admin.waitForSelector('form.actions button')
  await look(admin, 'device-code-asked')
  await admin.click('form.actions button')
  await admin.waitForSelector('.secret')
  const code = await admin.textContent('.secret')
  check(/^\w{3}-\w{3}-\w{3}$/.test(code), 'the code is in groups of three')
  await look(admin, 'device-code')
  const totem = await open(browser, { viewport: { width: 1080, height: 1920 } })
  await totem.goto('/kiosk')
  check(totem.url().endsWith('/enrol'), 'a new kiosk asks for a code')
  await totem.fill('#code', code.toLowerCase().replaceAll('-', ' '))
  await totem.click('button')
  await totem.waitForURL('**/kiosk')
  await totem.waitForSelector('a.language')
  await admin.goto('/manage/devices')
  await admin.waitForSelector('tr:has-text("Totem di prova"):has-text("Collegato")')
  await admin.click('a:has-text("Totem di prova")')
  await admin.waitForSelector('#danger-title')
  await look(admin, 'device')
  await admin.click('a[href$="/revoke"]')
  await admin.waitForSelector('.btn-danger')
  await look(admin, 'device-revoke')
  await admin.click('.btn-danger')
  await admin.waitForSelector('.alert-success')
  await eventually(() => totem.url().endsWith('/enrol'), 'the kiosk asks for a code again')

  // The list keeps itself up to date.
  await admin.goto('/manage/devices')
  const other = await open(browser)
  await other.goto(`/enrol?code=board-${office}`)
  await other.click('button')
  await eventually(() => admin.isVisible('tr:has-text("Tabellone"):has-text("Collegato")'), 'what was enrolled appears by itself', 15_000)

  // The lock comes back to where one was.
  await admin.goto('/manage/users?q=accoglienza')
  await admin.click('form[action="/lock"] button')
  await admin.waitForSelector('form[action="/unlock"]')
  await admin.fill('#password', 'not this')
  await admin.click('form[action="/unlock"] button')
  await admin.waitForSelector('.note-danger')
  await admin.fill('#password', PASSWORD)
  await admin.click('form[action="/unlock"] button')
  await admin.waitForURL('**/manage/users?q=accoglienza')
  await look(admin, 'users')
  await admin.fill('#q', 'nobody like this')
  await admin.press('#q', 'Enter')
  await admin.waitForSelector('.empty')
  check(await focused(admin) === 'q', 'who searches can go on typing')
  await look(admin, 'users-none')

  // A colleague: what is refused is not lost, the link is good once.
  await admin.click('a[href="/manage/users/new"]')
  await admin.waitForSelector('#role')
  await admin.fill('#name', 'Rosa Prova')
  await admin.fill('#login', 'isernia.cpi-1')
  await admin.selectOption('#role', 'officer')
  await admin.selectOption('#officer', 'cpi-1')
  await admin.check(`input[name=office][value="${office}"]`)
  await admin.click('.form .btn-primary')
  await admin.waitForSelector('#refused')
  check(await admin.inputValue('#name') === 'Rosa Prova' && await admin.isChecked(`input[value="${office}"]`), 'nothing typed is lost')
  await look(admin, 'user-refused')
  await admin.fill('#login', 'rosa.prova')
  await admin.click('.form .btn-primary')
  await admin.waitForSelector('form.actions button')
  await admin.click('form.actions button')
  await admin.waitForSelector('#secret')
  await look(admin, 'user-link')
  const link = await admin.inputValue('#secret')
  await admin.click('[data-copy]')
  await admin.waitForSelector('.copied:not(:empty)')
  check(await admin.evaluate(() => navigator.clipboard.readText()) === link, 'the link is copied')
  const rosa = await open(browser, { viewport: { width: 1366, height: 768 }, locale: 'it-IT' })
  await rosa.goto(new URL(link).pathname)
  await rosa.fill('#new', chosen)
  await rosa.click('main form button')
  await rosa.waitForSelector('#password')
  await rosa.fill('#password', chosen)
  await rosa.click('main form button')
  await rosa.waitForURL('**/desk')
  await rosa.goto('/manage/audit')
  await look(rosa, 'audit-officer')
  check(await rosa.isHidden('a[href="/manage/users"]'), 'an officer is offered no accounts')

  // Her session is ended, and she is out.
  await admin.goto('/manage/users?q=rosa')
  await admin.click('tbody a')
  await admin.waitForSelector('#sessions-title')
  await look(admin, 'user')
  await admin.click('tbody form button')
  await admin.waitForSelector('.alert-success')
  await rosa.click('.menu a[href="/manage"]')
  await rosa.waitForURL('**/sign-in?*')
  check(await rosa.isVisible('#login'), 'who was thrown out is asked to sign in')

  // A key for a program is shown once.
  await admin.goto('/manage/programs/new')
  await look(admin, 'program-new')
  await admin.fill('#name', 'Sito di prova')
  await admin.check('input[value=board]')
  await admin.click('.form .btn-primary')
  await admin.waitForSelector('#secret')
  const token = await admin.inputValue('#secret')
  await look(admin, 'program-token')
  await admin.click('a[href="/manage/programs"].btn')
  await admin.waitForSelector('tbody tr')
  check(!(await admin.content()).includes(token), 'the key is not shown again')
  await look(admin, 'programs')
  await admin.click('a[href$="/revoke"]')
  await admin.waitForSelector('.btn-danger')
  await admin.click('.btn-danger')
  await admin.waitForSelector('.alert-success')

  // Printers and the log.
  await admin.goto('/manage/printers')
  await look(admin, 'printers')
  await admin.click('tbody a >> nth=0')
  await admin.waitForSelector('#jobs-title')
  await admin.click('form[action$="/check"] button')
  await admin.waitForSelector('.alert-success')
  await admin.click('form[action$="/test"] button')
  await eventually(() => admin.isVisible('tr:has-text("Prova di stampa"):has-text("Stampato")'), 'the test page comes out', 15_000)
  await look(admin, 'printer')
  await admin.goto('/manage/audit?action=device.revoke')
  check(await admin.locator('tbody tr').count() === 1, 'the log tells of the kiosk that was shut out')
  await look(admin, 'audit')
  await admin.goto('/manage/none')
  await look(admin, 'error')

  // On a tablet, by keyboard, in English.
  const tablet = await open(browser, { viewport: { width: 768, height: 1024 }, locale: 'en-GB', hasTouch: true })
  await signIn(tablet, login)
  await tablet.waitForURL('**/manage')
  check(await tablet.isHidden('#menu'), 'the menu is folded away')
  await tablet.keyboard.press('Tab')
  check(await tablet.evaluate(() => document.activeElement.className) === 'skip-link', 'the first key leads past the frame')
  await tablet.focus('#menu-button')
  await tablet.keyboard.press('Enter')
  await tablet.waitForSelector('#menu', { state: 'visible' })
  await look(tablet, 'tablet-menu')
  await tablet.keyboard.press('Escape')
  check(await tablet.isHidden('#menu') && await focused(tablet) === 'menu-button', 'Escape folds it away again')
  await tablet.keyboard.press('Enter')
  const reached = () => tablet.evaluate(() => document.activeElement.getAttribute('href'))
  for (let presses = 0; presses < 30 && await reached() !== '/manage/devices'; presses += 1) await tablet.keyboard.press('Tab')
  await tablet.keyboard.press('Enter')
  await tablet.waitForURL('**/manage/devices')
  check(await tablet.isHidden('#menu'), 'it is folded away on the next page')
  for (const path of ['', '/devices', `/devices/new?office=${office}`, '/printers', `/printers/folder-${office}`, '/users', '/users/new',
    '/users/demo-isernia-cpi-1', '/users/demo-isernia-cpi-1/link', '/users/demo-isernia-amministrazione', '/programs', '/programs/new', '/audit']) {
    await tablet.goto(`/manage${path}`)
    await look(tablet, `tablet${path.replaceAll(/[/?=]/g, '-')}`)
  }

  // It all works as plain pages too.
  const plain = await open(browser, { viewport: { width: 768, height: 1024 }, javaScriptEnabled: false, locale: 'it-IT' })
  await signIn(plain, login)
  check(await plain.isVisible('.menu a[href="/manage/devices"]'), 'without a script the menu is there')
  await plain.selectOption('#place', `office:${office}`)
  await plain.click('.menu-place button')
  await plain.click('.menu a[href="/manage/devices"]')
  check(await plain.locator('.list').count() === 1, 'one looks at one office')

  // Guessing is slowed down.
  const guess = await open(browser, { locale: 'it-IT' })
  for (let tries = 0; !await guess.isVisible('.note-danger:has-text("Troppi tentativi")'); tries += 1) {
    if (tries > 10) throw new Error('guessing goes on')
    await signIn(guess, 'isernia.inps-1', 'not this')
    await guess.waitForSelector('.note-danger')
  }
  check(true, 'guessing is slowed down')
  await accessible(guess)
})

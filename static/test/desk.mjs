// Two officers at work in a browser: sign in, open desks, call, serve, help each other, lock.
//
//   BASE=http://127.0.0.1:8080 LOGIN=one LOGIN2=two PASSWORD=secret node test/desk.mjs
//
// Neither sits at a desk, two desks of their office are free, and two people wait whom LOGIN may
// serve. SHOTS names a folder for screenshots. It ends with status 1 when a step fails, the console
// reports an error, the content security policy is violated, or axe finds something.
import { chromium } from 'playwright-core'
import { join } from 'node:path'
import { violations } from './office.mjs'

const { BASE = 'http://127.0.0.1:8080', LOGIN, LOGIN2, PASSWORD, SHOTS } = process.env
const faults = []

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
})

async function visitor(name, viewport, options = {}) {
  const context = await browser.newContext({ baseURL: BASE, locale: 'it-IT', viewport, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(10_000)
  page.on('console', (message) => {
    // a refused step answers 4xx, which Chromium reports too
    if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) faults.push(`${name}: console: ${message.text()}`)
  })
  page.on('pageerror', (error) => faults.push(`${name}: ${error}`))
  return page
}

function expect(holds, what) {
  if (!holds) throw new Error(`expected ${what}`)
}

async function look(page, what) {
  if (SHOTS) await page.screenshot({ path: join(SHOTS, `desk-${what}.png`) })
  for (const violation of await violations(page)) faults.push(`${what}: axe ${violation}`)
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)
  if (wide) faults.push(`${what}: the page scrolls sideways`)
}

async function signIn(page, login, name) {
  await page.goto('/sign-in')
  await page.fill('#login', login)
  await page.fill('#password', PASSWORD)
  await page.click('main button')
  await page.waitForURL('**/desk')
  await page.waitForSelector('form[action="/desk/open"]')
  await look(page, `choose-${name}`)
  await page.check('input[name=desk]:not([disabled]) >> nth=0')
  await page.click('form[action="/desk/open"] button')
  await page.waitForSelector('#ticket')
}

const label = (page) => page.textContent('.ticket-label')

async function morning() {
  const one = await visitor('one', { width: 1366, height: 768 })
  const two = await visitor('two', { width: 1920, height: 1080 })
  await one.goto('/sign-in')
  await look(one, 'sign-in')
  await signIn(one, LOGIN, 'one')
  await look(one, 'free')
  await signIn(two, LOGIN2, 'two')

  // The keyboard calls, starts and finishes; the primary button stays where the focus is.
  await one.keyboard.press('n')
  await one.waitForSelector('.ticket-called')
  const first = await label(one)
  await look(one, 'called')
  expect(await one.isDisabled('[data-key=a]'), 'no no-show after one call')
  await one.keyboard.press('r')
  await one.waitForSelector('[data-key=a]:not([disabled])')
  await one.keyboard.press('s')
  await one.waitForSelector('.ticket-serving')
  await look(one, 'serving')

  // What somebody else does appears by itself, and nothing that is typed or chosen is lost.
  await one.selectOption('select[name=outcome]', { index: 1 })
  await one.focus('select[name=outcome]')
  await two.click('[data-key=h]')
  await one.waitForSelector('.note-help')
  expect(await one.$eval('select[name=outcome]', (s) => s.selectedIndex === 1 && s === document.activeElement), 'choice and focus to stay')
  await look(one, 'help-wanted')
  await one.click('.note-help button')
  await one.waitForSelector('.note-help', { state: 'detached' })

  // Keys do nothing in a field; finishing can be undone.
  await one.focus('select[name=outcome]')
  await one.keyboard.press('f')
  expect(await one.$('.ticket-serving'), 'keys to do nothing in a field')
  await one.click('[data-key=f]')
  await one.waitForSelector('.ticket:not(.ticket-serving)')
  await one.waitForSelector('[data-key=u]')
  await one.keyboard.press('u')
  await one.waitForSelector('.ticket-serving')
  expect((await label(one)) === first, 'the undone ticket back')

  // A sheet opens as a dialog, sets the ticket aside, and the list takes it back.
  await one.keyboard.press('p')
  await one.waitForSelector('dialog[open] input[name=reason]')
  await look(one, 'park')
  await one.check('dialog input[name=reason] >> nth=0')
  await one.click('dialog form .button-primary')
  await one.waitForSelector('dialog:not([open])', { state: 'attached' })
  await one.waitForSelector('#parked-title')
  await look(one, 'parked')
  await one.click('form[action="/desk/unpark"] button')
  await one.waitForSelector('#parked-title', { state: 'detached' })

  // Today's appointments are a key away; a code that nobody has is refused there, and the way back is the same key.
  await one.keyboard.press('g')
  await one.waitForSelector('#reference')
  await look(one, 'appointments')
  await one.fill('#reference', 'XXX-XXX')
  await one.click('form[action="/desk/check-in"] button')
  await one.waitForSelector('.note-danger')
  await look(one, 'check-in-refused')
  await one.focus('h1 ~ .strip-tools a')
  await one.keyboard.press('g')
  await one.waitForSelector('#ticket')

  for (const sheet of ['services', 'pause', 'close', 'walk-in', 'stop', 'end-day', 'keys']) {
    await one.click(`a[href="/desk/${sheet}"]`)
    await one.waitForSelector('dialog[open] #sheet')
    await look(one, `sheet-${sheet}`)
    await one.keyboard.press('Escape')
    await one.waitForSelector('dialog:not([open])', { state: 'attached' })
  }

  // Shortcuts can be turned off, which this computer remembers.
  for (const on of [false, true]) {
    await one.click('a[href="/desk/keys"]')
    await one.setChecked('#keys-on', on)
    await one.keyboard.press('Escape')
    await one.waitForSelector('dialog:not([open])', { state: 'attached' })
    await one.keyboard.press('b')
    if (on) await one.waitForSelector('dialog[open]')
    else expect(!(await one.$('dialog[open]')), 'no dialog while shortcuts are off')
  }
  await one.keyboard.press('Escape')

  // What is refused stays to be read while the page lives on, until the next step.
  await one.$eval('form.ticket-primary', (form) => form.setAttribute('action', '/desk/undo'))
  await one.click('#primary')
  await one.waitForSelector('.note-danger')
  await two.keyboard.press('h')
  await one.waitForSelector('.note-help')
  expect(await one.$('.note-danger'), 'the refusal to stay')
  await look(one, 'refused')
  await one.click('.note-help button')
  await one.waitForSelector('.note-danger', { state: 'detached' })

  // A ticket by hand gets a number to tell.
  await one.keyboard.press('b')
  await one.selectOption('dialog select[name=service]', { index: 1 })
  await one.selectOption('dialog select[name=language]', 'uk')
  await one.check('dialog input[name=precedence]')
  await one.click('dialog form .button-primary')
  await one.waitForSelector('.note-success')
  await look(one, 'made')

  // Pause and back.
  await one.click('a[href="/desk/pause"]')
  await one.check('dialog input[name=reason] >> nth=0')
  await one.selectOption('dialog select[name=minutes]', '10')
  await one.click('dialog form .button-primary')
  await one.waitForSelector('.ticket-paused')
  await look(one, 'paused')
  await one.waitForSelector('dialog:not([open])', { state: 'attached' })
  await one.keyboard.press('n')
  await one.waitForSelector('.ticket:not(.ticket-paused)')

  // The lock keeps the desk, and asks for the password.
  await one.keyboard.press('l')
  await one.waitForSelector('form[action="/unlock"]')
  await look(one, 'locked')
  await one.fill('#password', 'not this')
  await one.click('form[action="/unlock"] button')
  await one.waitForSelector('.note-danger')
  await one.fill('#password', PASSWORD)
  await one.click('form[action="/unlock"] button')
  await one.waitForSelector('#ticket')

  await one.setViewportSize({ width: 1024, height: 768 })
  await look(one, 'tablet')

  // Signing out asks about the desk.
  await one.click('form[action="/sign-out"] button')
  await one.waitForSelector('input[name=close]', { state: 'attached' })
  await look(one, 'sign-out')
  await one.click('#sheet .button-primary')
  await one.waitForSelector('#login')

  // Only now, since a joint ticket would be at both desks.
  await two.keyboard.press('n')
  await two.waitForSelector('.ticket-called, .note-info')
  await look(two, 'wide')
}

// Everything also works as plain pages.
async function withoutScript() {
  const page = await visitor('plain', { width: 1366, height: 768 }, { javaScriptEnabled: false })
  await page.goto('/sign-in')
  await page.fill('#login', LOGIN)
  await page.fill('#password', PASSWORD)
  await page.click('main button')
  await page.check('input[name=desk]:not([disabled]) >> nth=0')
  await page.click('form[action="/desk/open"] button')
  await page.click('form[action="/desk/next"] button')
  expect(await page.$('.ticket-called'), 'a called ticket without a script')
  await page.click('a[href^="/desk/park"]')
  await page.check('input[name=reason] >> nth=0')
  await page.click('#sheet .button-primary')
  expect(await page.$('#parked-title'), 'a parked ticket without a script')
  await page.click('a[href="/desk/close"]')
  await page.click('#sheet .button-primary')
  expect(await page.$('form[action="/desk/open"]'), 'the choice of a desk after closing')
}

try {
  await morning()
  await withoutScript()
} catch (error) {
  faults.push(String(error.stack ?? error))
  for (const [i, page] of browser.contexts().flatMap((context) => context.pages()).entries()) {
    if (SHOTS) await page.screenshot({ path: join(SHOTS, `desk-failed-${i}.png`) })
  }
}
await browser.close()
for (const fault of faults) console.error(fault)
process.exitCode = faults.length > 0 ? 1 : 0

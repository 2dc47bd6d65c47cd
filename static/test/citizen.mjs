// A citizen at a kiosk of the demonstration, as the tests of the lobby share it. BASE is the server's address; its
// office must be open and the first of its needs must have something to give.
import assert from 'node:assert/strict'
import { chromium } from 'playwright-core'
import { serveAll, still } from './office.mjs'

const { BASE } = process.env

export const code = 'kiosk-isernia-centro-integrato' // of enrolment
export const upright = { width: 1080, height: 1920 }
export const lying = { width: 1920, height: 1080 }

export const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
})
export const context = await browser.newContext({ viewport: upright, hasTouch: true, locale: 'it-IT', ...still })

// enrol makes this browser the kiosk, and shuts out any other that was.
async function enrol() {
  const enrolled = await context.request.post(`${BASE}/enrol`, { form: { code } })
  assert.ok(enrolled.ok(), `enrolment: ${enrolled.status()}`)
}

const complaints = []

async function kiosk(viewport = upright, within = context) {
  const page = await within.newPage()
  await page.setViewportSize(viewport)
  page.on('console', (message) => {
    if (/Content Security Policy|Refused to/.test(message.text())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  return page
}

// inBothViews has two browsers of the same kiosk do something at a time, one for each way of hanging
// the screen. They keep no page: what they show is the server's.
export async function inBothViews(work) {
  const storageState = await context.storageState()
  await Promise.all([upright, lying].map(async (viewport) => {
    const own = await browser.newContext({ hasTouch: true, locale: 'it-IT', ...still, storageState, serviceWorkers: 'block' })
    await work(await kiosk(viewport, own), viewport)
    await own.close()
  }))
}

// begin opens the start page; with a clock the test decides how time goes.
export async function begin(viewport, { clock = false } = {}) {
  const page = await kiosk(viewport)
  if (clock) await page.clock.install()
  await page.goto(`${BASE}/kiosk`)
  return page
}

export const heading = (page, text) => page.getByRole('heading', { level: 1, name: text }).waitFor()

// offered is the first service that gives a number at one touch.
export const offered = (page) => page.locator('.choice button').first()

export async function toServices(page) {
  await page.getByRole('link', { name: 'Italiano', exact: true }).tap()
  await heading(page, 'Cosa ti serve?')
  await page.locator('.need').first().tap()
  await page.locator('.choice').first().waitFor()
}

export async function toNumber(page) {
  await toServices(page)
  await offered(page).tap()
  await heading(page, /Il tuo numero/)
  return page.locator('.ticket-number strong').innerText()
}

// touch has a page follow a link, as a citizen would.
export async function touch(page, path) {
  await page.evaluate((href) => new Promise((shown) => {
    document.addEventListener('lobby:page', shown, { once: true })
    document.body.append(Object.assign(document.createElement('a'), { href }))
    document.body.lastChild.click()
  }), path)
}

export const joint = '/kiosk/book?id=JNT-LAVORO'

// toName holds the first start of today, or of the last day of the page, and comes to where a name is asked for.
export async function toName(page, { today = false, query = '&lang=it' } = {}) {
  await page.goto(`${BASE}${joint}${query}`)
  const days = page.locator('.choices-days a')
  await (today ? days.first() : days.last()).tap()
  await page.locator('.time').first().tap()
  await page.locator('.people button').nth(1).tap()
  await page.locator('#name').waitFor()
}

// ours is a key of the keyboard that is seen.
export const ours = (page, key) => page.locator(`.keyboard:not([hidden]) .layer:not([hidden]) ${key}`)
export const keys = async (page, word) => {
  for (const letter of word) await ours(page, `[value="${letter}"]`).tap()
}
export const onwards = (page) => page.locator('.typing > .actions button').tap()

// toBooked books and returns the code of the appointment.
export async function toBooked(page, options) {
  await toName(page, options)
  await page.keyboard.type('Prova Inventata')
  await onwards(page)
  await page.locator('#email').waitFor()
  await onwards(page)
  await page.locator('.facts').waitFor()
  await page.locator('#main .actions button').tap()
  await page.locator('.booked-code').waitFor()
  return page.locator('.booked-code').innerText()
}

// perform goes through tests, each at a kiosk where nobody waits, and ends the process by how they went. An
// argument has only those whose names have it.
export async function perform(tests) {
  const serve = await serveAll(browser)
  let failed = 0
  const only = process.argv[2]
  for (const [name, test] of Object.entries(tests)) {
    if (only && !name.includes(only)) continue
    try {
      await serve()
      await enrol()
      await test()
    } catch (error) {
      failed++
      console.error(`FAIL ${name}\n${error.stack}\n`)
      await context.setOffline(false)
    }
  }
  if (complaints.length) {
    failed++
    console.error(`FAIL the browser complained\n${[...new Set(complaints)].join('\n')}`)
  }
  await browser.close()
  process.exit(failed ? 1 : 0)
}

// Fills in forms in a real browser: at the kiosk, upright and lying, in Italian and in Arabic, with what is
// typed and where it comes from looked at before it is printed and gone after it; and at a desk.
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { accessible, check, enrol, eventually, open, run, sleep } from './office.mjs'

const { DATA, LOGIN, PASSWORD } = process.env
const folder = join(DATA, 'print', 'isernia-centro-integrato')
const code = 'XQZWJY80A41E335A'
const leastTarget = 81 // pixels, 20 mm on a 21.5" screen

// papers are what the printer has made so far.
function papers() {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.pdf')).sort()
  } catch {
    return []
  }
}

const read = (name) => execFileSync('pdftotext', ['-layout', join(folder, name), '-']).toString()

// fits demands that nothing scrolls, and that all there is to touch is large enough and on the screen.
async function fits(page, name) {
  await page.evaluate(() => document.fonts.ready)
  const faults = await page.evaluate((least) => {
    const found = []
    const main = document.getElementById('main')
    if (main.scrollHeight > main.clientHeight + 1) found.push(`main scrolls: ${main.scrollHeight} in ${main.clientHeight}`)
    const boxes = []
    for (const target of document.querySelectorAll('a, button, .form-answer')) {
      const box = target.getBoundingClientRect()
      if (!box.width) continue
      const words = target.textContent.trim().split('\n')[0]
      if (box.right > innerWidth + 1 || box.left < -1 || box.bottom > innerHeight + 1) found.push(`out of the screen: ${words}`)
      if (target.scrollWidth > target.clientWidth + 1) found.push(`wider than its button: ${words}`)
      if (box.width < least || box.height < least) found.push(`too small: ${words} ${Math.round(box.width)}×${Math.round(box.height)}`)
      for (const other of boxes) {
        const over = box.left < other.box.right - 1 && other.box.left < box.right - 1 && box.top < other.box.bottom - 1 && other.box.top < box.bottom - 1
        if (over) found.push(`${words} lies over ${other.words}`)
      }
      boxes.push({ box, words })
    }
    return found
  }, leastTarget)
  check(faults.length === 0, `${name} fits: ${faults.join('; ')}`)
}

const onwards = (page) => page.locator('#main .actions .button-main').last().tap()
const toReview = (page) => page.locator('#main .actions .button').first().tap()
const row = (page, label) => page.locator('.form-row', { has: page.getByText(label, { exact: true }) })
const key = (page, value) => page.locator(`.keyboard:not([hidden]) .layer:not([hidden]) [value="${value}"]`).tap()

async function toForms(page) {
  await page.goto('/kiosk')
  await page.getByRole('link', { name: 'Italiano', exact: true }).tap()
  await page.getByRole('link', { name: 'Moduli' }).tap()
  await page.getByRole('heading', { name: 'Quale modulo ti serve?' }).waitFor()
}

async function declaration(browser, viewport, name) {
  const page = await open(browser, { viewport, hasTouch: true, locale: 'it-IT' })
  await enrol(page, 'kiosk')
  await toForms(page)
  await fits(page, `${name}: the list`)
  await accessible(page)
  await page.locator('.need', { hasText: 'Autodichiarazione' }).tap()
  await page.locator('#fiscal_code').waitFor()
  await fits(page, `${name}: the codice fiscale`)
  for (const letter of code.toLowerCase()) await key(page, letter)
  check(await page.locator('#fiscal_code').inputValue() === code.toLowerCase(), 'our keys write the codice fiscale')
  await key(page, 'delete')
  await onwards(page)
  await page.getByText('Questo codice non è giusto').waitFor()
  await fits(page, `${name}: a wrong codice fiscale`)
  await accessible(page)
  await key(page, 'a')
  await onwards(page)
  await page.getByRole('heading', { name: 'È giusto?' }).waitFor()
  check(/Femmina[\s\S]*01\/01\/1980[\s\S]*Isernia \(IS\)/.test(await page.locator('.facts').innerText()), 'what the codice fiscale tells is asked about')
  await fits(page, `${name}: born`)
  await accessible(page)
  await onwards(page)
  await page.locator('#field-cognome').waitFor()
  await page.keyboard.type("Xqzw D'Inventata")
  await page.locator('#field-nome').tap()
  await page.keyboard.type('Wkjy <b>')
  await fits(page, `${name}: the name`)
  await accessible(page)
  await page.locator('#tool-large').tap() // what was typed comes along
  await page.locator('[data-text="large"] #field-cognome').waitFor()
  check(await page.locator('#field-cognome').inputValue() === "Xqzw D'Inventata", 'a larger text keeps what was typed')
  await page.locator('#tool-large').tap()
  await page.locator('html:not([data-text]) #field-cognome').waitFor()
  await onwards(page)
  await page.locator('#field-residenza_indirizzo').fill('via Esempio 1')
  await page.locator('.way').first().tap()
  await page.locator('#field-nome').waitFor()
  check(await page.locator('#field-nome').inputValue() === 'Wkjy <b>', 'one page back everything is there')
  await toReview(page)
  await page.getByRole('heading', { name: 'Controlla il modulo' }).waitFor()
  await fits(page, `${name}: the last look`)
  await accessible(page)
  for (const [label, want] of [['Cognome', "Xqzw D'Inventata scritto da te"], ['Sesso', 'F dal codice fiscale'], ['Data di nascita', '01/01/1980 dal codice fiscale']]) {
    const said = (await row(page, label).innerText()).replace(/\s+/g, ' ')
    check(want.split(' ').every((word) => said.includes(word)), `${label}: ${said}`)
  }
  check(new URL(page.url()).pathname === '/kiosk' && new URL(page.url()).search === '', 'the address says nothing')
  await row(page, 'Nome').tap()
  await page.locator('#field-nome').fill('Wkjy')
  await toReview(page)
  await page.getByRole('heading', { name: 'Controlla il modulo' }).waitFor()
  const before = papers().length
  await page.getByRole('button', { name: 'Stampa il modulo' }).tap()
  await page.getByRole('heading', { name: 'Il tuo modulo' }).waitFor()
  await page.getByText('Prendi il modulo.').waitFor()
  await fits(page, `${name}: the paper`)
  await accessible(page)
  check(!(await page.content()).includes('Xqzw'), 'the page with the paper knows no name')
  check(papers().length === before + 1, 'one paper came out')
  const text = read(papers().at(-1))
  for (const want of ['Dichiarazione sostitutiva', "Xqzw D'Inventata", 'Wkjy', '01/01/1980', 'Isernia, 24/11/2026']) check(text.includes(want), `the paper says ${want}`)
  check(/E\s*3\s*3\s*5\s*A/.test(text), 'the paper has the codice fiscale in its boxes')
  await page.getByRole('link', { name: 'Fine' }).tap()
  await page.locator('.languages').first().waitFor()
  check(page.faults.length === 0, `no faults: ${page.faults}`)
  await page.context().close()
}

// forgets leaves a form in the middle, by the clock, and by starting over: nothing of it is left.
async function forgets(browser) {
  const page = await open(browser, { viewport: { width: 1080, height: 1920 }, hasTouch: true, locale: 'it-IT' })
  await enrol(page, 'kiosk')
  const typeName = async () => {
    await page.locator('.need', { hasText: 'Delega' }).or(page.locator('.need', { hasText: 'DID' })).first().tap()
    await page.locator('#fiscal_code').waitFor()
    await onwards(page)
    await page.locator('#field-cognome').fill('Zwxforgotten')
    await onwards(page)
    await page.locator('#field-cognome').waitFor({ state: 'detached' })
  }
  const gone = async (how) => {
    await page.locator('.lead-start').waitFor()
    const left = await page.evaluate(() => [document.documentElement.outerHTML, location.href, JSON.stringify(history.state), JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage })].join(' '))
    check(!left.includes('Zwxforgotten'), `${how}: nothing is left`)
    check(await page.evaluate(() => history.length) <= 3, 'the history has no pages of the form')
  }
  await toForms(page)
  await typeName()
  check((await page.content()).includes('Zwxforgotten'), 'what was typed goes along')
  await page.getByRole('link', { name: 'Ricomincia' }).tap()
  await gone('starting over')
  await page.clock.install()
  await toForms(page)
  await typeName()
  await page.clock.runFor(91_000)
  await page.locator('#idle[open]').waitFor()
  await page.clock.runFor(31_000)
  await gone('idle')
  await page.context().close()
}

// inArabic looks at the pages of a form in a language that the paper cannot show.
async function inArabic(browser, viewport) {
  const page = await open(browser, { viewport, hasTouch: true, locale: 'ar' })
  await enrol(page, 'kiosk')
  await page.goto('/kiosk/forms/did?lang=ar')
  await fits(page, 'Arabic: the codice fiscale')
  await onwards(page)
  await page.locator('#field-cognome').fill('محمود')
  await fits(page, 'Arabic: the name')
  await toReview(page)
  await page.locator('.form-row').first().waitFor()
  check((await page.locator('.form-row').first().innerText()).includes('هذه الحروف لا تُطبع'), 'letters that cannot be printed are said to be for the pen')
  await fits(page, 'Arabic: the last look')
  await accessible(page)
  check(page.faults.length === 0, `no faults: ${page.faults}`)
  await page.context().close()
}

async function atTheDesk(browser) {
  const page = await open(browser, { locale: 'it-IT' })
  await page.goto('/sign-in')
  await page.fill('[name="login"]', LOGIN)
  await page.fill('[name="password"]', PASSWORD)
  await page.press('[name="password"]', 'Enter')
  await page.waitForURL(/\/desk/)
  await page.goto('/desk/forms?office=isernia-centro-integrato')
  await accessible(page)
  await page.getByRole('link', { name: 'Compila: Patto di servizio' }).click()
  await page.locator('#field-cognome').fill('Xqzw')
  await page.locator('#fiscal_code').fill(code)
  await page.locator('#fiscal_code').press('Enter') // as a reader of cards ends
  await eventually(async () => await page.locator('#field-data_nascita').inputValue() === '01/01/1980', 'the codice fiscale fills in the date of birth')
  await accessible(page)
  const opened = page.context().waitForEvent('page')
  await page.getByRole('button', { name: 'Apri il PDF' }).click()
  await (await opened).close()
  const before = papers().length
  await page.getByRole('button', { name: 'Stampa', exact: true }).click()
  await page.getByText(/Il modulo (sta uscendo|è stampato)\./).waitFor()
  await eventually(async () => papers().length === before + 1, 'the form comes out')
  await sleep(200)
  check(read(papers().at(-1)).includes('Patto di servizio personalizzato'), 'it is the agreement')
  check(!(await page.content()).includes('Xqzw') && !page.url().includes('Xqzw'), 'the page after it knows no name')
  check(page.faults.length === 0, `no faults: ${page.faults}`)
  await page.context().close()
}

await run(async (browser) => {
  await declaration(browser, { width: 1080, height: 1920 }, 'upright')
  await declaration(browser, { width: 1920, height: 1080 }, 'lying')
  await forgets(browser)
  await inArabic(browser, { width: 1080, height: 1920 })
  await inArabic(browser, { width: 1920, height: 1080 })
  await atTheDesk(browser)
})

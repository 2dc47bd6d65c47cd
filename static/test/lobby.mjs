// Drives a kiosk in a real browser. DATA is the server's folder. It prints what fails and exits with 1, or prints nothing.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { begin, browser, code, context, heading, keys, offered, onwards, ours, perform, toName, toNumber, toServices, upright } from './citizen.mjs'
import { fits, line, scan, still, violations } from './office.mjs'

const { BASE, DATA } = process.env

// papers are the printed files, the newest last.
function papers() {
  const folder = `${DATA}/print/isernia-centro-integrato`
  const files = readdirSync(folder).filter((name) => name.endsWith('.pdf')).map((name) => join(folder, name))
  return files.sort((a, b) => statSync(a).mtimeMs - statSync(b).mtimeMs)
}

// scanned reads the QR code of the first page of a PDF file.
function scanned(file) {
  const folder = mkdtempSync(join(tmpdir(), 'receipt-'))
  try {
    execFileSync('pdftoppm', ['-r', '203', '-png', '-singlefile', file, join(folder, 'page')])
    return execFileSync('zbarimg', ['-q', '--raw', '--nodbus', join(folder, 'page.png')]).toString().trim()
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const tests = {
  async 'an appointment is booked on our keyboards, and its receipt read back opens the door'() {
    const page = await begin()
    await toName(page, { today: true })
    await keys(page, 'zo')
    await page.locator('[data-to-layer="accents"]').tap()
    await keys(page, 'ëș')
    await ours(page, '[data-to-layer="letters"]').tap()
    await keys(page, ' pr')
    await ours(page, '[value="delete"]').tap()
    assert.equal(await page.locator('#name').inputValue(), 'Zoëș P', 'names begin with a capital')
    await page.getByRole('button', { name: 'Alto contrasto' }).tap()
    await page.locator('html[data-contrast="high"]').waitFor()
    assert.equal(await page.locator('#name').inputValue(), 'Zoëș P', 'what was typed stays')
    await page.keyboard.type('rova')
    await onwards(page)
    await page.locator('#email').waitFor()
    await keys(page, 'nessuno')
    await ours(page, '[data-to-field="phone"]').tap()
    await keys(page, '3331234567')
    await onwards(page)
    await page.locator('#email-wrong').waitFor()
    await page.locator('#email').tap()
    for (let letter = 0; letter < 7; letter++) await ours(page, '[value="delete"]').tap()
    await page.getByRole('button', { name: 'Avanti' }).tap()
    await page.locator('.facts', { hasText: '+393331234567' }).waitFor()
    assert.ok(await page.locator('.facts', { hasText: '2 persone' }).isVisible())
    await page.locator('#main .actions button').tap()
    await page.getByText('Prendi la ricevuta.').waitFor()
    const code = await page.locator('.booked-code').innerText()
    assert.equal(page.url().includes('Prova') || page.url().includes(code), false)
    const address = scanned(papers().at(-1))
    assert.match(address, /\/a\/[\w-]{22}$/)
    await page.getByRole('link', { name: 'Fine' }).tap()
    await heading(page, 'Benvenuto')
    assert.equal(await page.getByText(code).count(), 0)

    const shown = []
    page.on('request', (request) => shown.push(request.url()))
    await page.clock.install()
    await scan(page, address)
    await heading(page, /È troppo presto/)
    assert.equal(shown.some((url) => url.includes(address.slice(-22))), false, 'the code is in no address')
    assert.equal(await page.evaluate((secret) => document.documentElement.outerHTML.includes(secret), address.slice(-22)), false, 'nor on the screen')
    await page.close()
  },

  async 'what a reader types is in no field, and a code is typed on its own keyboard'() {
    const page = await begin()
    await page.getByRole('link', { name: /Ho un appuntamento/ }).tap()
    await heading(page, 'Hai un appuntamento?')
    await scan(page, 'https://sportello.test/a/0123456789abcdefghijkl')
    await page.locator('#code-wrong').waitFor()
    assert.equal(await page.locator('#code').inputValue(), '')
    await keys(page, 'CDFGHJ')
    assert.equal(await page.locator('#code').inputValue(), 'CDFGHJ')
    await page.getByRole('button', { name: 'Avanti' }).tap()
    await page.locator('#code[value="CDFGHJ"]').waitFor()
    await page.close()
  },

  async 'a time is held while one is there, and no longer'() {
    const page = await begin(upright, { clock: true })
    await toName(page)
    const day = await page.locator('.held strong').innerText()
    await page.keyboard.type('Prova Inventata')
    await page.clock.runFor(91_000)
    await page.getByRole('heading', { name: 'Ci sei ancora?' }).waitFor()
    const left = page.waitForResponse((response) => response.url().endsWith('/kiosk/book/leave'))
    await page.clock.runFor(31_000)
    await left
    await heading(page, 'Benvenuto')
    assert.equal(await page.evaluate(() => document.documentElement.outerHTML.includes('Inventata')), false)
    await toName(page)
    assert.equal(await page.locator('.held strong').innerText(), day, 'others can have the time')
    await page.getByRole('button', { name: 'Indietro' }).tap()
    await page.locator('.time').first().waitFor()
    await page.close()
  },

  async 'a number in two touches after the language, and no trace'() {
    const page = await begin()
    const before = await page.evaluate(() => history.length)
    assert.match(await toNumber(page), /^[A-Z]\d{3}$/)
    assert.equal(page.url(), `${BASE}/kiosk`)
    assert.equal(await page.evaluate(() => history.length), before)
    assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 0)
    await page.getByText('Prendi il biglietto.').waitFor()
    await page.getByRole('link', { name: 'Fine' }).tap()
    await heading(page, 'Benvenuto')
    assert.equal(await page.getByText(/Il tuo numero/).count(), 0)
    await page.close()
  },

  async 'a paper that does not come is told, and the same number printed again'() {
    const folder = `${DATA}/print/isernia-centro-integrato`
    renameSync(folder, `${folder}-away`)
    writeFileSync(folder, '')
    const page = await begin()
    const number = await toNumber(page)
    await page.getByText('Il biglietto non è uscito.').waitFor()
    assert.deepEqual([...await fits(page), ...await violations(page)], [])
    rmSync(folder)
    renameSync(`${folder}-away`, folder)
    await page.getByRole('button', { name: 'Ristampa' }).tap()
    await page.getByText('Prendi il biglietto.').waitFor()
    assert.equal(await page.locator('.ticket-number strong').innerText(), number)
    await page.close()
  },

  async 'two fast touches are one number'() {
    const page = await begin()
    await toServices(page)
    const posts = []
    page.on('request', (request) => request.method() === 'POST' && posts.push(request.url()))
    const button = offered(page)
    const box = await button.boundingBox()
    await page.touchscreen.tap(box.x + 50, box.y + 20)
    await page.touchscreen.tap(box.x + 60, box.y + 20)
    await heading(page, /Il tuo numero/)
    assert.equal(posts.length, 1)
    await page.close()
  },

  async 'a lost line is told, and what was asked for comes once it is back'() {
    const page = await begin()
    await toServices(page)
    const keys = []
    page.on('request', (request) => request.method() === 'POST' && keys.push(request.postData()))
    await context.setOffline(true)
    await offered(page).tap()
    await page.getByText('Riprovo da solo').waitFor()
    await context.setOffline(false)
    await heading(page, /Il tuo numero/)
    assert.ok(keys.length > 1)
    assert.equal(new Set(keys).size, 1, 'sent again as it was')
    await page.close()
  },

  async 'the start page finds back by itself'() {
    const page = await begin(upright, { clock: true })
    await context.setOffline(true)
    await page.clock.runFor(6_000)
    await page.getByText('Riprovo da solo').waitFor()
    await context.setOffline(false)
    await page.clock.runFor(6_000)
    await page.getByText('Riprovo da solo').waitFor({ state: 'hidden' })
    await page.close()
  },

  async 'a browser that starts before the server waits with a page of its own'() {
    const wire = await line()
    const behind = await browser.newContext({ viewport: upright, hasTouch: true, ...still, baseURL: wire.baseURL })
    await behind.request.post('/enrol', { form: { code } })
    const page = await behind.newPage()
    await page.goto('/kiosk')
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
    wire.cut()
    await page.goto('/kiosk')
    await heading(page, 'Sto partendo…')
    const kept = await page.evaluate(async () => (await (await caches.open('kiosk-shell')).keys()).map(({ url }) => new URL(url).pathname))
    assert.deepEqual(kept.filter((path) => path !== '/kiosk/waking' && !path.startsWith('/static/')), [], 'nothing else is kept')
    wire.mend()
    await heading(page, 'Benvenuto')
    const proxied = (route) => route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>' })
    await behind.route('**/*', proxied)
    await page.goto('/kiosk')
    await heading(page, 'Sto partendo…')
    await behind.unroute('**/*', proxied)
    await heading(page, 'Benvenuto')
    await behind.close()
  },

  async 'nobody there: a question that can be answered ten times, then a clean start'() {
    const page = await begin(upright, { clock: true })
    await page.getByRole('link', { name: 'Italiano', exact: true }).tap()
    await heading(page, 'Cosa ti serve?')
    const question = page.getByRole('heading', { name: 'Ci sei ancora?' })
    for (let time = 0; time < 10; time++) {
      await page.clock.runFor(59_000)
      assert.equal(await question.isVisible(), false)
      await page.clock.runFor(2_000)
      await question.waitFor()
      await page.getByRole('button', { name: 'Sì, continuo' }).tap()
    }
    await page.clock.runFor(61_000)
    await page.clock.runFor(31_000)
    await heading(page, 'Benvenuto')
    await page.close()
  },

  async 'easier screens have twice the time and end with the citizen'() {
    const page = await begin(upright, { clock: true })
    await page.getByRole('link', { name: 'Italiano', exact: true }).tap()
    await heading(page, 'Cosa ti serve?')
    await page.getByRole('button', { name: 'Alto contrasto' }).tap()
    await page.locator('html[data-contrast="high"]').waitFor()
    await page.clock.runFor(119_000)
    assert.equal(await page.getByRole('heading', { name: 'Ci sei ancora?' }).isVisible(), false)
    await page.clock.runFor(2_000)
    await page.getByRole('heading', { name: 'Ci sei ancora?' }).waitFor()
    await page.clock.runFor(31_000)
    await heading(page, 'Benvenuto')
    assert.equal(await page.locator('html[data-contrast]').count(), 0)
    await page.close()
  },

  async 'a changed start page changes back'() {
    const page = await begin(upright, { clock: true })
    await page.getByRole('button', { name: 'Alto contrasto' }).tap()
    await page.locator('html[data-contrast="high"]').waitFor()
    await page.clock.runFor(121_000)
    await page.clock.runFor(31_000)
    await page.locator('html:not([data-contrast])').waitFor()
    await page.close()
  },

  async 'the number goes after twenty seconds'() {
    const page = await begin(upright, { clock: true })
    await toNumber(page)
    await page.clock.runFor(18_000)
    await heading(page, /Il tuo numero/)
    await page.clock.runFor(3_000)
    await heading(page, 'Benvenuto')
    await page.close()
  },

  async 'a number is kept by a key, and by whatever presses the button'() {
    const page = await begin(upright, { clock: true })
    await page.getByRole('button', { name: 'Testo grande' }).tap()
    await page.locator('html[data-text="large"]').waitFor()
    await toNumber(page)
    const keep = page.getByRole('button', { name: 'Mostra ancora' })
    await page.clock.runFor(50_000)
    await keep.focus()
    await page.keyboard.press('Enter')
    await page.clock.runFor(50_000)
    await keep.evaluate((button) => button.click()) // as a switch does: no key, no pointer
    await page.clock.runFor(50_000)
    assert.ok(await page.getByRole('heading', { level: 1, name: /Il tuo numero/ }).isVisible())
    await page.clock.runFor(11_000)
    await heading(page, 'Benvenuto')
    await page.close()
  },

  async 'ReI on our keyboard finds ADI'() {
    const page = await begin()
    await page.getByRole('link', { name: 'Italiano', exact: true }).tap()
    await page.getByRole('link', { name: /Cerca/ }).tap()
    await heading(page, 'Cerca un servizio')
    for (const letter of 'rei') await page.getByRole('button', { name: letter, exact: true }).tap()
    await page.locator('.choice', { hasText: 'Assegno di inclusione (ADI)' }).waitFor()
    assert.equal(await page.getByLabel('Cerca un servizio').inputValue(), 'rei')
    await page.getByRole('button', { name: 'Cancella una lettera' }).tap()
    assert.equal(await page.getByLabel('Cerca un servizio').inputValue(), 're')
    await page.keyboard.type('d')
    assert.equal(await page.getByLabel('Cerca un servizio').inputValue(), 'red')
    await page.close()
  },

  async 'precedence is offered, and its reason is asked of nobody'() {
    const page = await begin()
    await toServices(page)
    await page.getByRole('button', { name: 'Ho la precedenza' }).tap()
    await page.getByText('Nessuno ti chiede il motivo').waitFor()
    await page.getByRole('link', { name: 'Sì, ho la precedenza' }).tap()
    await page.getByRole('button', { name: 'Precedenza attiva' }).waitFor()
    await offered(page).tap()
    await heading(page, /Il tuo numero/)
    assert.ok(await page.getByText('Precedenza attiva').isVisible())
    await page.close()
  },

  async 'everything works by Tab and Enter'() {
    const page = await begin()
    const press = async (name) => {
      for (let step = 0; step < 60; step++) {
        await page.keyboard.press('Tab')
        const text = await page.evaluate(() => document.activeElement.textContent.trim())
        if (name.test(text)) {
          const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle)
          assert.notEqual(outline, 'none', 'the focus is seen')
          await page.keyboard.press('Enter')
          return
        }
      }
      assert.fail(`no ${name} by Tab`)
    }
    await press(/^Italiano$/)
    await heading(page, 'Cosa ti serve?')
    await press(/./)
    await page.locator('.choice').first().waitFor()
    await press(new RegExp(`^${await offered(page).locator('.choice-name').innerText()}`))
    await heading(page, /Il tuo numero/)
    await page.close()
  },
}

await perform(tests)

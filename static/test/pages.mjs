// The public texts and the error pages in a browser: read at home, at the kiosk and by who edits them.
import { accessible, check, enrol, eventually, open, run } from './office.mjs'

const upright = { viewport: { width: 1080, height: 1920 }, hasTouch: true, locale: 'it-IT', serviceWorkers: 'block' }
const lying = { ...upright, viewport: { width: 1920, height: 1080 } }
const small = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }
const leastTarget = 81 // pixels, 20 mm on a 21.5" screen

const silent = (page) => check(page.faults.length === 0, `no faults: ${page.faults}`)
const fits = (page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)

await run(async (browser) => {
  for (const options of [{ locale: 'it-IT' }, { ...small, locale: 'it-IT' }]) {
    const page = await open(browser, options)
    for (const path of [
      '/', '/privacy', '/privacy/isernia', '/privacy/isernia?lang=ar', '/privacy/isernia?lang=zh', '/accessibility/bergamo?lang=en',
      '/accessibility?lang=uk', '/nowhere', '/nowhere?lang=ar', '/nowhere?lang=uk', '/t/nowhere?lang=ar', '/enrol', '/sign-in', '/sign-in/nowhere',
    ]) {
      await page.goto(path)
      await accessible(page)
      check(await fits(page), `${path} does not scroll sideways`)
    }
    await page.goto('/')
    await page.click('footer a[href^="/privacy"]')
    await page.click('a[href="/privacy/livorno?lang=it"]')
    check(await page.isVisible('text=comuni@livorno.example'), 'the notice names a controller')
    await page.click('a[hreflang="ro"]')
    check(await page.isVisible('.remark') && await page.getAttribute('article', 'lang') === 'it', 'who reads Romanian is told that it is Italian')
    silent(page)
  }

  for (const options of [upright, lying]) {
    const page = await open(browser, options)
    await enrol(page, 'kiosk')
    await page.clock.install()
    await page.goto('/kiosk')
    const entry = page.locator('a[href^="/kiosk/privacy"]')
    check((await entry.boundingBox()).height >= leastTarget, 'the way to the notice can be touched')
    await entry.tap()
    await page.locator('.reading').waitFor()
    await accessible(page)
    const at = () => page.locator('.reading-at').innerText()
    const seen = (text) => page.getByText(text, { exact: false }).first().evaluate((element) => {
      const { left, right } = element.getBoundingClientRect()
      const box = element.closest('.reading').getBoundingClientRect()
      return left >= box.left - 1 && right <= box.right + 1
    })
    const next = page.locator('[data-turn="1"]')
    for (const button of await page.locator('[data-turn]').all()) {
      const { height } = await button.boundingBox()
      check(height >= leastTarget, `a page can be turned: ${height} px`)
    }
    await eventually(async () => /^Pagina 1 di \d+$/.test(await at()), 'the notice has pages')
    check(await seen('Qui leggi quali dati') && !await seen('Puoi fare reclamo'), 'and shows the first')
    check(await page.evaluate(() => {
      const main = document.getElementById('main')
      return main.scrollHeight <= main.clientHeight + 1
    }), 'nothing scrolls')
    await next.tap()
    check(/^Pagina 2 di/.test(await at()) && !await seen('Qui leggi quali dati'), 'then the second')
    let turns = 2
    for (; !await next.isDisabled(); turns += 1) await next.focus().then(() => page.keyboard.press('Enter'))
    check(await at() === `Pagina ${turns} di ${turns}`, `then all of them, by the keyboard too: ${await at()}`)
    check(await seen('Sportello di Cerro al Volturno'), 'to the very end')
    check(await page.locator('[data-turn="-1"]').evaluate((button) => button === document.activeElement), 'the focus is not lost')

    for (const mode of ['Alto contrasto', 'Testo grande', 'Comandi in basso']) {
      await page.getByRole('button', { name: mode }).tap()
      await page.locator('.tool[aria-pressed="true"]', { hasText: mode }).waitFor()
      await accessible(page)
    }
    await eventually(async () => /^Pagina 1 di \d+$/.test(await at()), 'another way to show it begins at the beginning')
    check((await next.boundingBox()).x + (await next.boundingBox()).width <= options.viewport.width, 'and all fits on the screen')
    await page.locator('#tool-language').tap()
    await page.locator('#languages a', { hasText: 'Українська' }).tap()
    await page.locator('html[lang="uk"]').waitFor()
    check(await page.getAttribute('.words', 'lang') === 'it', 'who reads Ukrainian gets the Italian text')
    check((await next.boundingBox()).x + (await next.boundingBox()).width <= options.viewport.width, 'and all still fits')
    await accessible(page)

    await page.clock.runFor(181_000)
    check(await page.isVisible('#idle'), 'who stays away is asked')
    await page.clock.runFor(31_000)
    await page.locator('.lead-start').waitFor()
    check(await page.getAttribute('html', 'data-contrast') === null, 'and the kiosk begins anew')

    for (const lang of ['it', 'ar', 'uk']) {
      await page.goto(`/kiosk/service?id=NONE&lang=${lang}&contrast=1&large=1`)
      check(await page.getAttribute('html', 'data-contrast') === 'high', 'an error keeps the contrast')
      await accessible(page)
      check((await page.locator('.bar .button').boundingBox()).height >= leastTarget, 'and has a way on')
    }
    await page.locator('.bar .button').tap()
    await page.locator('.lead-start').waitFor()
    silent(page)
  }

  const manager = await open(browser, { locale: 'it-IT' })
  await manager.request.post('/sign-in', { form: { login: 'isernia.responsabile', password: process.env.PASSWORD ?? 'sportello' } })
  await manager.goto('/manage/texts')
  await accessible(manager)
  await manager.click('a[href="/manage/texts/isernia/accessibility/it"]')
  await accessible(manager)
  await manager.fill('#body', '## Prova\n\n<script>document.title = "rotto"</script>\n\n{{enti}}')
  await manager.click('[value="preview"]')
  check(await manager.isVisible('text=Riga 5: {{enti}}'), 'an unknown placeholder is found')
  await accessible(manager)
  await manager.fill('#body', '## Prova\n\n<script>document.title = "rotto"</script>\n\n{{controllers}}')
  await manager.click('[value="preview"]')
  check(await manager.isVisible('#preview >> text=<script>'), 'a tag is shown as it was typed')
  await accessible(manager)
  await manager.click('[value="save"]')
  await manager.locator('[role="status"]').waitFor()
  await manager.goto('/accessibility/isernia')
  check(await manager.isVisible('article >> text=<script>') && !(await manager.title()).includes('rotto'), 'to citizens too')
  await accessible(manager)
  await manager.goto('/manage/texts/isernia/accessibility/it')
  await manager.click('summary')
  await manager.click('[value="back"]')
  await manager.goto('/accessibility/isernia')
  check(await manager.isVisible('text=Parzialmente conforme'), 'and our text can be brought back')
  await manager.goto('/manage/nowhere')
  await accessible(manager)
  silent(manager)
})

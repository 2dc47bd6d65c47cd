// The live ticket in a browser: it follows the queue, speaks the holder's language, and does all it
// must without a script.
import { accessible, check, eventually, line, open, run, staff } from './office.mjs'

const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }

await run(async (browser) => {
  const desk = await staff(browser)
  const ticket = await desk.issue('en')
  const path = `/t/${ticket.token}`
  const wire = await line()
  const page = await open(browser, { ...phone, baseURL: wire.baseURL })
  await page.addInitScript(() => {
    window.shaken = 0
    navigator.vibrate = () => { window.shaken += 1 }
  })
  await page.goto(path)
  const state = () => page.getAttribute('body', 'data-state')
  check(await page.textContent('.number-value') === ticket.number, 'the number is there')
  check(await page.getAttribute('html', 'lang') === 'en', 'in the language of the ticket')
  await accessible(page)

  await page.click('a[hreflang="ar"]')
  check(await page.getAttribute('html', 'dir') === 'rtl', 'another language is one touch away')
  await accessible(page)
  await page.click('a[hreflang="en"]')

  await page.click('#sound')
  check(await page.getAttribute('#sound', 'aria-pressed') === 'true', 'sound can be turned on')
  await desk.call(ticket)
  await eventually(async () => await state() === 'called' && await page.isVisible('.desk'), 'a call is shown')
  check((await page.title()).startsWith('Go to '), `and named in the title: ${await page.title()}`)
  check(await page.evaluate(() => window.shaken) === 1, 'and felt')
  check(await page.isHidden('#leave'), 'who was called does not leave')
  await accessible(page)
  await desk.recall(ticket)
  await eventually(() => page.evaluate(() => window.shaken === 2), 'a repeated call is felt again')

  wire.cut()
  await desk.start(ticket)
  await eventually(() => page.isVisible('#lost'), 'a phone that is cut off says so', 20_000)
  wire.mend()
  await eventually(async () => await state() === 'serving', 'and catches up', 20_000)
  await desk.finish(ticket)
  await eventually(async () => await state() === 'served', 'the end is shown')
  check(await page.isHidden('#sound'), 'and nothing more is asked')
  check(page.faults.length === 0, `no faults: ${page.faults}`)

  const plain = await open(browser, { ...phone, javaScriptEnabled: false })
  const leaving = await desk.issue('it')
  await plain.goto(`/t/${leaving.token}`)
  await plain.click('#leave a')
  await plain.click('.leave .stay')
  check(await plain.isVisible('#leave a'), 'without a script one can think again')
  await plain.click('#leave a')
  await plain.click('.leave .go')
  check(await plain.getAttribute('body', 'data-state') === 'cancelled', 'and leave the queue')

  const unknown = await page.goto('/t/nobody?lang=it')
  check(unknown.status() === 404 && await page.isVisible('h1'), 'an unknown ticket is explained')
  await accessible(page)
})

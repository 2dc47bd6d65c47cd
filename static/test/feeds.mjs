// Calendars that others read: a manager makes an address, a calendar program reads it, the manager revokes
// it; an officer makes one of the own appointments from the account's page.
import { accessible, check, open, run } from './office.mjs'

async function signIn(page, login) {
  await page.goto('/sign-in')
  await page.fill('#login', login)
  await page.fill('#password', process.env.PASSWORD)
  await page.click('main button')
  await page.waitForURL(/\/(desk|manage)/)
}

// make makes the chosen feed by the keyboard and returns its path.
async function make(page, detail) {
  await page.focus(`[name="detail"][value="${detail}"]`)
  await page.keyboard.press('Space')
  await page.keyboard.press('Enter')
  await page.waitForSelector('#secret')
  await accessible(page)
  const address = await page.inputValue('#secret')
  check(/^http:\/\/sportello\.test:\d+\/feeds\/[\w-]{22}\.ics$/.test(address), 'the address is shown')
  check(await page.getAttribute('a[href^="webcal:"]', 'href') === address.replace('http', 'webcal'), 'and one that opens the calendar')
  check(await page.locator('svg.qr').count() === 1, 'and a code for phones')
  return new URL(address).pathname
}

await run(async (browser) => {
  const page = await open(browser, { viewport: { width: 1024, height: 768 }, locale: 'it-IT' })
  await signIn(page, 'isernia.responsabile')
  await page.goto('/manage/feeds')
  await accessible(page)
  check((await page.textContent('main')).includes('Non ci sono indirizzi'), 'nobody reads a calendar yet')
  await page.click('main a[href="/manage/feeds/new"]')
  await page.waitForSelector('#office, #of')
  if (await page.locator('#office').count() > 0) {
    await page.selectOption('#office', 'isernia-centro-integrato')
    await page.click('.chooser button')
  }
  await page.waitForSelector('#of')
  await accessible(page)
  await page.selectOption('#of', { label: 'Centro Integrato per il Lavoro' })
  const path = await make(page, 'full')

  const program = (await open(browser)).context().request
  const read = () => program.get(path, { headers: { 'User-Agent': 'vdirsyncer/0.19.0' } })
  const answer = await read()
  check(answer.status() === 200 && (await answer.text()).includes('BEGIN:VCALENDAR'), 'a program reads it')
  const again = await program.get(path, { headers: { 'If-None-Match': answer.headers().etag } })
  check(again.status() === 304, 'and learns that nothing changed')

  await page.click('a[href="/manage/feeds"]:has-text("Fatto")')
  await page.waitForSelector('td.end a')
  await accessible(page)
  check((await page.textContent('tbody')).includes('Centro Integrato per il Lavoro'), 'it is in the list')
  check(!(await page.content()).includes(path), 'without its address')
  await page.focus('td.end a')
  await page.keyboard.press('Enter')
  await page.waitForSelector('h1:has-text("revocare")')
  await accessible(page)
  await page.focus('main form button')
  await page.keyboard.press('Enter')
  await page.waitForSelector('#done')
  check((await read()).status() === 404, 'who has the address gets nothing any more')

  const officer = await open(browser, { viewport: { width: 1024, height: 768 }, locale: 'it-IT' })
  await signIn(officer, process.env.LOGIN)
  await officer.goto('/account')
  await accessible(officer)
  await officer.click('a[href="/manage/feeds/new"]')
  await officer.waitForSelector('#of')
  await accessible(officer)
  check((await officer.locator('#of option').allTextContents()).join() === 'Il mio calendario', 'an officer has the own calendar alone')
  check((await program.get(await make(officer, 'code'))).status() === 200, 'which a program reads')
  for (const each of [page, officer]) check(each.faults.length === 0, `no faults: ${each.faults.join('; ')}`)
})

// A joint appointment from the phone call to the two desks: a manager lets staff book at once, staff book it, the citizen arrives at the
// kiosk with the code on the receipt, both officers learn it, one calls and both have the number, and the
// board shows both desks.
import { accessible, check, enrol, eventually, open, run } from './office.mjs'

const office = 'isernia-centro-integrato'
const { LOGIN, LOGIN2, PASSWORD } = process.env

async function signIn(page, login) {
  await page.goto('/sign-in')
  await page.fill('#login', login)
  await page.fill('#password', PASSWORD)
  await page.click('main button')
  await page.waitForURL(/\/(desk|manage)/)
}

// asked is what a call of the API answers, which must be one of those expected.
async function asked(page, method, path, data, ...expected) {
  const origin = new URL(page.url()).origin
  const answer = await page.request.fetch(`${origin}/api/v1${path}`, { method, data, headers: data ? { Origin: origin } : {} })
  if (!expected.includes(answer.status())) throw new Error(`${method} ${path}: ${answer.status()} ${await answer.text()}`)
  return answer.status() === 204 ? null : answer.json()
}

const shows = async (page, number) => (await page.textContent('main')).includes(number)

await run(async (browser) => {
  const kiosk = await open(browser, { viewport: { width: 1080, height: 1920 }, hasTouch: true, locale: 'it-IT' })
  const board = await open(browser, { viewport: { width: 1920, height: 1080 } })
  const cpi = await open(browser, { viewport: { width: 1366, height: 768 } })
  const inps = await open(browser, { viewport: { width: 1366, height: 768 } })
  await enrol(kiosk, 'kiosk')
  await enrol(board, 'board')
  await board.goto('/board')
  await signIn(cpi, LOGIN)
  await signIn(inps, LOGIN2)

  // A manager lets staff book at once.
  const manager = await open(browser, { viewport: { width: 1366, height: 900 }, locale: 'it-IT' })
  await signIn(manager, 'isernia.amministrazione')
  await manager.goto('/manage/services/isernia:JNT-LAVORO')
  await accessible(manager)
  await manager.click('button[value="add:window"]')
  await manager.selectOption('[name="window.0.channel"]', 'staff')
  await manager.fill('[name="window.0.lead_min_minutes"]', '0')
  await manager.click('form[data-guard] .actions button')
  await manager.waitForSelector('#done')

  // Somebody phones: the next start of today for both institutions.
  const { offices: [free] } = await asked(cpi, 'GET', `/availability?service=JNT-LAVORO&office=${office}&channel=staff&from=2026-11-24&to=2026-11-24`, undefined, 200)
  check(free.starts.length > 0, 'there is a joint start today')
  const { start } = free.starts[0]
  const hold = await asked(cpi, 'POST', '/holds', { service: 'JNT-LAVORO', office, start }, 201)
  const booked = await asked(cpi, 'POST', '/appointments', { hold: hold.token, contact: { name: 'Prova Inventata' }, language: 'it' }, 201)
  check(/^[A-Z0-9]{3}-[A-Z0-9]{3}$/.test(booked.reference) && booked.needs.length === 2, `booked for both: ${booked.reference}`)

  // Both desks sit down for joint consultations alone.
  const chairs = new Map([[cpi, '4'], [inps, '5']])
  for (const [page, desk] of chairs) {
    await asked(page, 'POST', `/offices/${office}/desks/${desk}/open`, { services: ['JNT-LAVORO'] }, 200)
    await page.goto('/desk')
  }

  // The citizen arrives.
  await kiosk.goto('/kiosk')
  await kiosk.getByRole('link', { name: /Ho un appuntamento/ }).tap()
  await kiosk.locator('#code').waitFor()
  await accessible(kiosk)
  for (const letter of booked.reference.replace('-', '')) await kiosk.locator(`.keyboard:not([hidden]) [value="${letter}"]`).tap()
  await kiosk.getByRole('button', { name: 'Avanti' }).tap()
  await kiosk.locator('.ticket-number strong').waitFor()
  const number = (await kiosk.textContent('.ticket-number strong')).trim()
  const hour = start.slice(11, 16).replace(/^0/, '')
  check((await kiosk.textContent('main')).includes(hour), `the number ${number} says the time, ${hour}`)
  await accessible(kiosk)

  // Both officers are told, one calls, both have the number.
  for (const page of chairs.keys()) await eventually(() => shows(page, number), 'the desk knows that the citizen is here')
  await cpi.click('#primary')
  for (const page of chairs.keys()) {
    await eventually(async () => (await page.textContent('#ticket')).includes(number), 'the number is at both desks')
    await accessible(page)
  }
  await eventually(async () => (await board.textContent('body')).includes(number), 'the board shows it', 90_000)
  check(/4/.test(await board.textContent('#current-call')) && /5/.test(await board.textContent('#current-call')), 'with both desks')
  await accessible(board)

  // It begins and ends for both, and the appointment with it.
  await cpi.click('form[action="/desk/start"] button')
  await eventually(async () => (await asked(cpi, 'GET', `/appointments/${booked.token}`, undefined, 200)).state === 'in_service', 'the appointment is in service')
  await cpi.goto('/desk')
  await cpi.click('#primary')
  await eventually(async () => (await asked(cpi, 'GET', `/appointments/${booked.token}`, undefined, 200)).state === 'served', 'and served')
  for (const page of [kiosk, board, cpi, inps, manager]) check(page.faults.length === 0, `nothing was refused: ${page.faults}`)
  await eventually(async () => !(await inps.textContent('#ticket').catch(() => '')).includes(number), 'and the other desk is free')
})

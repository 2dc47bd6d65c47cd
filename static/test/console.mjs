// What managers do in the console, as they would: set the days of the integrated centre and see the
// starts appear on the citizens' page, close a day on which somebody has an appointment, copy an office,
// put an officer on two offices in alternating weeks, say what to bring, and meet another manager.
import { execFileSync } from 'node:child_process'

import { accessible, check, open, run } from './office.mjs'

const office = 'isernia-centro-integrato'
const openings = `/manage/offices/isernia:${office}/openings`

async function signIn(page, login = 'isernia.amministrazione') {
  await page.goto('/sign-in')
  await page.fill('#login', login)
  await page.fill('#password', process.env.PASSWORD)
  await page.click('main button')
  await page.waitForURL(/\/(desk|manage)/)
}

const answered = (page) => page.waitForSelector('#done, #refused')
const save = async (page) => {
  await page.click('form[data-guard] .actions button:has-text("Salva")')
  await answered(page)
}

async function asked(page, path, data) {
  const { origin } = new URL(page.url())
  const answer = await page.request.fetch(`${origin}/api/v1${path}`, { method: data ? 'POST' : 'GET', data })
  if (!answer.ok()) throw new Error(`${path}: ${answer.status()} ${await answer.text()}`)
  return answer.json()
}

const joint = async (page, from, to) => (await asked(page, `/availability?service=JNT-LAVORO&office=${office}&channel=online&from=${from}&to=${to}`)).offices[0].starts

await run(async (browser) => {
  const page = await open(browser, { viewport: { width: 1024, height: 768 }, locale: 'it-IT' })
  await signIn(page)
  for (const path of ['live', 'offices', 'officers', 'services', 'needs', 'institutions', 'territories', 'closures', 'offices/new', `offices/isernia:${office}`,
    `offices/isernia:${office}/history`, `offices/isernia:${office}/menu?in=ar`, 'officers/isernia:cpi-1', 'services/isernia:JNT-LAVORO', 'needs/new', 'institutions/isernia:INPS',
    'territories/isernia:isernia', 'territories/isernia:isernia/import', 'texts', 'texts/isernia/mail.booked/ar', 'devices?q=totem', 'printers']) {
    await page.goto(`/manage/${path}`)
    await accessible(page)
  }

  // The week by the keyboard alone: a stretch is added to the first series, and what it comes to is seen.
  const wednesday = await joint(page, '2026-12-02', '2026-12-02')
  check(wednesday.length === 0, 'no joint start on a Wednesday')
  await page.goto(openings)
  await accessible(page)
  await page.focus('[name="opening.0.weekdays"][value="wed"]')
  await page.keyboard.press('Space')
  await page.focus('[name="opening.0.intervals"]')
  await page.keyboard.press('End')
  await page.keyboard.type(' 17-18')
  check(await page.locator('#week [data-day="wed"] .block').count() > 0, 'the drawing follows what is typed')
  await page.focus('button[value="preview"]')
  await page.keyboard.press('Enter')
  await page.waitForSelector('#preview')
  await accessible(page)
  check((await joint(page, '2026-12-02', '2026-12-02')).length === 0, 'a preview changes nothing')
  await page.click('button[value="save"]')
  await answered(page)
  check((await joint(page, '2026-12-02', '2026-12-02')).length > 0, 'joint starts on Wednesday')
  const citizen = await open(browser, { viewport: { width: 390, height: 844 }, locale: 'it-IT' })
  await citizen.goto(`/book/JNT-LAVORO?office=${office}`)
  check((await citizen.textContent('main')).includes('mercoledì 25 novembre'), 'and citizens see them')

  // A drag adds a stretch too.
  await page.goto(openings)
  const box = await page.locator('#week [data-day="wed"] .day').boundingBox()
  const at = (minutes) => box.y + box.height * (minutes - 7 * 60) / (13 * 60)
  await page.mouse.move(box.x + box.width / 2, at(13 * 60))
  await page.mouse.down()
  await page.mouse.move(box.x + box.width / 2, at(14 * 60), { steps: 4 })
  await page.mouse.up()
  check(/13:00-14:00/.test(await page.inputValue('[name="opening.0.intervals"]')), 'a drag adds a stretch')

  // A day is closed on which somebody has an appointment: it is moved and its citizen told.
  const hold = await asked(page, '/holds', { service: 'JNT-LAVORO', office, start: (await joint(page, '2026-12-03', '2026-12-03'))[0].start })
  const booked = await asked(page, '/appointments', { hold: hold.token, contact: { name: 'Prova Inventata', email: 'prova@prova.example' }, language: 'it' })
  await page.goto(openings)
  const rows = Number(await page.inputValue('[name="closure.n"]'))
  await page.click('button[value="add:closure"]')
  await page.fill(`[name="closure.${rows}.from"]`, '2026-12-03')
  await page.fill(`[name="closure.${rows}.reason"]`, 'Assemblea')
  await page.click('button[value="preview"]')
  await page.waitForSelector('#preview')
  check((await page.textContent('#preview')).includes(booked.reference), 'the preview names who loses their place')
  await accessible(page)
  await page.click('button[value="save"]')
  await answered(page)
  const moved = await asked(page, `/appointments/${booked.token}`)
  check(moved.state === 'booked' && moved.start > booked.start, `it is moved to ${moved.start}`)

  // Milan's pilot desk is copied to a Municipio, which opens next month: its walk-ins are offered from then.
  const milan = await open(browser, { viewport: { width: 1366, height: 900 }, locale: 'it-IT' })
  await signIn(milan, 'milano.amministrazione')
  await milan.goto('/manage/offices?q=desk pilota')
  await milan.click('tbody a:has-text("Desk pilota")')
  await milan.click('a[href*="like="]')
  await milan.waitForSelector('h1:has-text("Nuova sede")')
  await milan.fill('[name="name"]', 'Municipio Dieci')
  await milan.fill('[name="address"]', 'via Esempio 10, Milano')
  await milan.fill('[name="from"]', '2026-12-01')
  await accessible(milan)
  await save(milan)
  const said = await milan.textContent('#done, #refused')
  check(said.includes('Sede aggiunta'), `an office is copied: ${said.trim()}`)
  await milan.goto('/manage/offices?q=municipio dieci')
  check((await milan.textContent('tbody tr')).includes('Dal 1º dicembre 2026'), 'the copy opens next month')
  await milan.click('tbody a:has-text("Municipio Dieci")')
  check(!(await milan.isChecked('[name="pilot"]')), 'and is no pilot')
  await milan.click('a[href$="/openings"]')
  await milan.waitForSelector('#week')
  await milan.fill('[name="from"]', '')
  await milan.click('button[value="preview"]')
  await milan.waitForSelector('#preview')
  const preview = await milan.textContent('#preview')
  check(/30 novembre\s+1º dicembre\s+COMUNE 08:30/.test(preview), 'it is open from December on')

  // An officer is at two offices in alternating weeks.
  await page.goto('/manage/officers/new')
  await page.fill('[name="name"]', 'Operatrice Alterna')
  await page.selectOption('[name="institution"]', 'INPS')
  if (await page.locator('[name="presence.0.office"]').count() === 0) await page.click('button[value="add:presence"]')
  await page.waitForSelector('[name="presence.0.office"]')
  await page.click('button[value="add:presence"]')
  for (const [n, place, from] of [[0, office, '2026-11-23'], [1, 'sportello-agnone', '2026-11-30']]) {
    await page.waitForSelector(`[name="presence.${n}.office"]`)
    await page.selectOption(`[name="presence.${n}.office"]`, place)
    await page.check(`[name="presence.${n}.weekdays"][value="thu"]`)
    await page.fill(`[name="presence.${n}.intervals"]`, '9-12.30')
    await page.fill(`[name="presence.${n}.every_weeks"]`, '2')
    await page.fill(`[name="presence.${n}.from"]`, from)
  }
  await save(page)
  check((await page.textContent('#done')).includes('Persona aggiunta'), 'she is at two offices in alternating weeks')

  // What to bring is said, and stands on the appointment's page.
  await page.goto('/manage/services/isernia:JNT-LAVORO')
  await page.fill('[name="documents"]', 'Tessera sanitaria\nUna penna blu')
  await save(page)
  await citizen.goto(`/a/${booked.token}`)
  check((await citizen.textContent('main')).includes('Una penna blu'), 'the citizen reads what to bring')
  const receipt = await citizen.request.get(`/a/${booked.token}/receipt.pdf`)
  const paper = execFileSync('pdftotext', ['-layout', '-', '-'], { input: await receipt.body() }).toString()
  check(paper.includes('Una penna blu') && paper.includes(booked.reference), 'and has it on the receipt')

  // Two managers at one thing: the second is told, keeps what was typed, and may save over it.
  const other = await open(browser, { viewport: { width: 1366, height: 900 }, locale: 'it-IT' })
  await signIn(other)
  for (const each of [page, other]) await each.goto('/manage/institutions/isernia:INPS')
  await page.fill('[name="contact"]', 'primo@prova.example')
  await save(page)
  await other.fill('[name="contact"]', 'secondo@prova.example')
  await save(other)
  check((await other.textContent('#refused')).includes('Qualcuno ha cambiato') && (await other.textContent('main')).includes('primo@prova.example'), 'the second manager is told, and shown the difference')
  check(await other.inputValue('[name="contact"]') === 'secondo@prova.example', 'nothing typed is lost')
  await accessible(other)
  await save(other)
  check((await other.textContent('#done')).includes('salvato'), 'and saves over it')

  // What was typed is there after a sign-out in between.
  await page.goto('/manage/institutions/isernia:CPI')
  await page.fill('[name="contact"]', 'battuto@prova.example')
  await page.context().clearCookies()
  await signIn(page)
  await page.goto('/manage/institutions/isernia:CPI')
  await page.click('[data-kept="use"]')
  await page.waitForFunction(() => document.querySelector('[name="contact"]')?.value === 'battuto@prova.example')
  check(true, 'what was typed is there after a sign-out')
  for (const each of [page, other, citizen, milan]) check(each.faults.length === 0, `nothing was refused: ${each.faults}`)
})

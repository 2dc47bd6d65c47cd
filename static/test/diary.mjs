// The diary in a browser: book by phone, move, cancel, block, ask why not, who is late, a group
// session; by the keyboard alone, without a script, and while somebody else changes the same day.
import { accessible, check, eventually, open, run } from './office.mjs'

const { LOGIN, PASSWORD } = process.env
const office = 'isernia-centro-integrato'
const day = '2026-12-01' // a Tuesday: CPI and INPS are there

const at = (path, query = '') => `/desk/diary${path}?office=${office}${query}`
const silent = (page) => check(page.faults.length === 0, `no faults: ${page.faults}`)
const fits = (page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)

async function signIn(page, login) {
  await page.request.post('/sign-in', { form: { login, password: PASSWORD } })
}

// sound looks at a page with axe, and that it does not scroll sideways.
async function sound(page, what) {
  await accessible(page)
  check(await fits(page), `${what} does not scroll sideways`)
}

// call books the start at a time of the day for a name, as on the phone, and returns the address of the page.
async function call(page, time, name, email = '') {
  await page.goto(at('/book', `&service=JNT-LAVORO&day=${day}`))
  await page.locator(`button[name="start"][value^="${day}T${time}"]`).click()
  await page.locator('#name').waitFor()
  await page.fill('#name', name)
  await page.fill('#email', email)
  await page.locator('#contact .button-primary').click()
  await page.locator('.readout-code').waitFor()
  return new URL(page.url()).pathname
}

await run(async (browser) => {
  const manager = await open(browser, { locale: 'it-IT', viewport: { width: 1440, height: 900 } })
  const officer = await open(browser, { locale: 'it-IT', viewport: { width: 1024, height: 768 } })
  await signIn(manager, 'isernia.responsabile')
  await signIn(officer, LOGIN)

  // By phone.
  await officer.goto(at('/book'))
  await sound(officer, 'the choice of a service')
  check(!await officer.getByText('ISEE / DSU').isVisible(), 'the services of others are not offered')
  await officer.goto(at('/book', `&service=JNT-LAVORO&day=${day}`))
  await sound(officer, 'the free starts')
  await officer.locator(`button[value^="${day}T10:00"]`).click()
  await officer.locator('#name').waitFor()
  await sound(officer, 'the contact')
  check(/^\d:\d\d$/.test((await officer.locator('[data-left]').innerText()).replace(/^1(?=\d:)/, '')), 'the time that is left is counted')
  await officer.fill('#name', 'Anna Prova')
  await officer.fill('#email', 'not an address')
  await officer.locator('#contact .button-primary').click()
  await officer.locator('[aria-invalid="true"]').waitFor()
  check(await officer.inputValue('#name') === 'Anna Prova', 'what was typed stays')
  await sound(officer, 'the refused contact')
  await officer.fill('#email', 'anna@example.com')
  await officer.locator('#contact .button-primary').click()
  await officer.locator('.readout-code').waitFor()
  check(/^[A-Z0-9]{3}-[A-Z0-9]{3}$/.test(await officer.locator('.readout-code').innerText()), 'the code is there to be read out')
  await sound(officer, 'the appointment')
  const entry = new URL(officer.url()).pathname

  // The other screen follows, and shows it at both officers.
  await manager.goto(at('', `&day=${day}`))
  await sound(manager, 'the day')
  const joint = manager.locator('.block', { hasText: 'Anna Prova' })
  check(await joint.count() === 2, 'a joint appointment is shown at both officers')
  check(await joint.first().getByText('CPI + INPS').isVisible(), 'with both institutions')
  await call(officer, '11:00', 'Bice Prova')
  await eventually(async () => await manager.locator('.block', { hasText: 'Bice Prova' }).count() === 2, 'what somebody else books appears by itself')

  // By the keyboard alone: Tab to the grid, arrows, Enter.
  await manager.reload()
  await manager.locator('.hours tbody a[tabindex="0"]').waitFor()
  check(await manager.locator('.hours tbody a[tabindex="0"]').count() === 1, 'the grid is one stop of the Tab key')
  for (let presses = 0; !await manager.evaluate(() => document.activeElement.matches('.hours tbody a')); presses += 1) {
    if (presses > 60) throw new Error('Tab does not reach the grid')
    await manager.keyboard.press('Tab')
  }
  check(await manager.evaluate(() => document.activeElement.matches('.block')), 'Tab reaches the first appointment')
  const column = () => manager.evaluate(() => document.activeElement.closest('td').getBoundingClientRect().left)
  const left = await column()
  await manager.keyboard.press('ArrowRight')
  check(await column() > left, 'an arrow goes to the next officer')
  await manager.keyboard.press('ArrowLeft')
  check(await column() === left, 'and back')
  const top = () => manager.evaluate(() => document.activeElement.closest('td').getBoundingClientRect().top)
  const high = await top()
  await manager.keyboard.press('ArrowDown')
  check(await top() > high && await column() === left, 'down goes on in the column')
  await manager.keyboard.press('ArrowUp')
  await manager.keyboard.press('Enter')
  await manager.waitForURL('**/desk/diary/appointment/*')
  await manager.keyboard.press('n')
  await manager.waitForURL('**/desk/diary/book?*')
  check(true, 'Enter opens an appointment, n begins a new one')
  await manager.goto(at('', `&day=${day}`))
  await manager.keyboard.press('t')
  await manager.waitForURL('**day=2026-11-24*')
  check(await manager.locator('.now').count() === 1, 't goes to today, where a line shows the time')
  await sound(manager, 'today')

  // Free time leads to a booking.
  await manager.goto(at('', `&day=${day}&service=JNT-LAVORO`))
  await sound(manager, 'the day with free starts')
  check(await manager.locator('.free-start').count() > 5, 'free starts are marked')
  await manager.locator('.free-start').first().click()
  await manager.locator('.time-wanted').waitFor()
  check(true, 'and lead to a booking of that start')

  // Move, as two at the same time.
  await officer.goto(`${entry}/move?day=${day}`)
  await sound(officer, 'the move')
  await manager.goto(`${entry}/move?day=${day}`)
  await officer.locator(`input[value^="${day}T12:00"]`).check()
  await officer.locator('.slip-foot .button-primary').click()
  await officer.getByText('Appuntamento spostato.').waitFor()
  await manager.locator(`input[value^="${day}T15:00"]`).check()
  await manager.locator('.slip-foot .button-primary').click()
  await manager.getByText('è cambiato nel frattempo').waitFor()
  check(await manager.getByText('ore 12:00–12:30').first().isVisible(), 'who comes second is told, and sees what it is now')
  await sound(manager, 'the refusal')

  // Give it to somebody else, block, why not.
  await officer.goto(`${entry}/give`)
  await sound(officer, 'giving to others')
  await manager.goto(at('/blocks'))
  await manager.selectOption('#whose', 'officer:inps-1')
  for (const name of ['from-day', 'until-day']) await manager.fill(`#${name}`, day)
  await manager.fill('#from', '15:00')
  await manager.fill('#until', '14:00')
  await manager.selectOption('#reason', 'training')
  await manager.locator('.slip-foot .button-primary').click()
  await manager.locator('[aria-invalid="true"]').waitFor()
  await sound(manager, 'a refused block')
  await manager.fill('#until', '16:30')
  await manager.locator('.slip-foot .button-primary').click()
  await manager.getByText('Tempo bloccato.').waitFor()
  await sound(manager, 'the blocks')
  await manager.goto(at('', `&day=${day}`))
  check(await manager.locator('.cell-block', { hasText: 'Formazione' }).isVisible(), 'blocked time is shown with its reason')
  await manager.goto(at('/explain'))
  await manager.selectOption('#service', 'JNT-LAVORO')
  await manager.fill('#day', day)
  await manager.fill('#time', '12:10')
  await manager.locator('.slip-foot .button-primary').click()
  await manager.locator('.obstacles').waitFor()
  await sound(manager, 'why not')
  await manager.fill('#time', '16:30')
  await manager.locator('.slip-foot .button-primary').click()
  await manager.getByText('È libero').waitFor()

  // Who is late, seen before it is done.
  await manager.goto(at('/late'))
  await sound(manager, 'absent or late')
  await manager.locator('#absent-officer').selectOption('cpi-1')
  for (const name of ['from-day', 'until-day']) await manager.fill(`#${name}`, day)
  await manager.locator('form:has(#absent-officer) button').click()
  await manager.locator('#plan').waitFor()
  await sound(manager, 'what would follow')

  // Cancel with a reason.
  await officer.goto(`${entry}/cancel`)
  await sound(officer, 'the cancellation')
  await officer.locator('input[value="officer_absent"]').check()
  await officer.locator('.slip-foot button').click()
  await officer.getByText('Appuntamento annullato.').waitFor()
  await sound(officer, 'what was cancelled')

  // People without e-mail are called.
  const quiet = await call(officer, '12:00', 'Carla Prova')
  await officer.goto(`${quiet}/cancel`)
  await officer.locator('input[value="office_closed"]').check()
  await officer.locator('.slip-foot button').click()
  await officer.goto(at('/calls', `&day=${day}`))
  check(await officer.getByRole('rowheader', { name: 'Carla Prova' }).isVisible(), 'who has no e-mail is to be called')
  await sound(officer, 'the calls')

  // A group session.
  await officer.goto(at('/sessions'))
  await officer.fill('#topic', 'Scrivere il curriculum')
  await officer.fill('#day', day)
  await officer.fill('#time', '15:00')
  await officer.fill('#capacity', '2')
  await officer.locator('.slip-foot .button-primary').click()
  await officer.locator('#done, #refused').waitFor()
  check(await officer.getByText('Incontro creato.').isVisible(), `a session is planned: ${await officer.locator('#done, #refused').innerText()}`)
  for (const [name, people] of [['Dina Prova', '2'], ['Elsa Prova', '1']]) {
    await officer.fill('#name', name)
    await officer.fill('#people', people)
    await officer.locator('#enrol .button-primary').click()
    await officer.locator('.readout', { hasText: name }).waitFor()
  }
  check(await officer.locator('ol strong', { hasText: 'Elsa Prova' }).isVisible(), 'who comes too late waits')
  await sound(officer, 'a session')
  await officer.locator('summary[aria-label="Dina Prova rinuncia"]').click()
  await officer.locator('details[open] .button-danger').click()
  await officer.getByText('Posto liberato.').waitFor()
  check(await officer.getByRole('rowheader', { name: 'Elsa Prova' }).isVisible(), 'and moves up')
  await officer.goto(at('/sessions'))
  await sound(officer, 'the sessions')

  // The week, small and large.
  for (const page of [manager, officer]) {
    await page.goto(at('', `&day=${day}&view=week`))
    await sound(page, 'the week')
  }

  // Without a script it is a table with links.
  const plain = await open(browser, { locale: 'it-IT', javaScriptEnabled: false })
  await signIn(plain, LOGIN)
  await plain.goto(at('', `&day=${day}`))
  await plain.getByRole('link', { name: /Bice Prova/ }).first().click()
  await plain.getByRole('link', { name: 'Sposta' }).click()
  await plain.locator(`input[value^="${day}T16:30"]`).check()
  await plain.locator('.slip-foot .button-primary').click()
  check(await plain.getByText('Appuntamento spostato.').isVisible(), 'an appointment is moved without a script')

  // On paper there are no controls.
  await manager.emulateMedia({ media: 'print' })
  await manager.goto(at('', `&day=${day}`))
  check(!await manager.locator('.filters').isVisible() && await manager.locator('.block').first().isVisible(), 'paper shows the day and no controls')

  for (const page of [manager, officer, plain]) silent(page)
})

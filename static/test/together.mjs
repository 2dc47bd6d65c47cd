// A morning with kiosk, desk, board and phone open at once: a citizen takes a number in two touches,
// the paper comes out, the officer calls, the board shows and plays it, the phone moves, and the
// kiosk forgets.
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { accessible, check, enrol, eventually, open, run } from './office.mjs'

const sh = promisify(execFile)
const office = 'isernia-centro-integrato'
const papers = join(process.env.DATA, 'print', office)
const smallest = 80 // px: 20 mm on a 21.5" screen of 1080×1920

// small returns what can be touched and is too small to be.
const small = (page) => page.evaluate((least) => [...document.querySelectorAll('a, button, input:not([type=hidden])')]
  .filter((each) => each.checkVisibility() && !each.disabled)
  .map((each) => [each.textContent.trim(), each.getBoundingClientRect()])
  .filter(([, box]) => box.width < least || box.height < least)
  .map(([text, box]) => `${text} ${Math.round(box.width)}×${Math.round(box.height)}`), smallest)

// overflowing tells whether a page scrolls, which no kiosk page may.
const overflowing = (page) => page.evaluate(() => document.documentElement.scrollHeight > innerHeight || document.documentElement.scrollWidth > innerWidth)

async function fits(page, where) {
  await accessible(page)
  const tiny = await small(page)
  check(tiny.length === 0, `${where}: everything to touch is at least ${smallest} px: ${tiny}`)
  check(!await overflowing(page), `${where}: nothing to scroll`)
}

await run(async (browser) => {
  const kiosk = await open(browser, { viewport: { width: 1080, height: 1920 }, hasTouch: true })
  const board = await open(browser, { viewport: { width: 1920, height: 1080 } })
  const desk = await open(browser, { viewport: { width: 1366, height: 768 } })

  await board.addInitScript(() => {
    window.played = 0
    document.addEventListener('playing', () => { window.played += 1 }, true)
    const play = HTMLMediaElement.prototype.play
    HTMLMediaElement.prototype.play = function (...args) {
      this.addEventListener('playing', () => { window.played += 1 }, { once: true })
      return play.apply(this, args)
    }
    const start = AudioBufferSourceNode.prototype.start
    AudioBufferSourceNode.prototype.start = function (...args) {
      window.played += 1
      return start.apply(this, args)
    }
  })
  await enrol(board, 'board')
  await board.goto('/board')
  await accessible(board)

  // The kiosk: two touches after the language.
  await enrol(kiosk, 'kiosk')
  const known = new Set(await readdir(papers).catch(() => []))
  await kiosk.goto('/kiosk')
  const history = await kiosk.evaluate(() => window.history.length)
  await fits(kiosk, 'start')
  await kiosk.tap('a.language[lang=it]')
  await kiosk.waitForSelector('a.need')
  await fits(kiosk, 'needs')
  await kiosk.tap('a.need >> nth=1')
  await kiosk.waitForSelector('form.choice')
  await fits(kiosk, 'services')
  await kiosk.tap('form.choice button >> nth=0')
  await kiosk.waitForSelector('.ticket-number strong')
  const number = (await kiosk.textContent('.ticket-number strong')).trim()
  check(/^[A-W]{1,2}\d{3}$/.test(number), `two touches after the language: ${number}`)
  check(kiosk.url().endsWith('/kiosk'), `the address tells nothing: ${kiosk.url()}`)
  check(await kiosk.isVisible('.qr'), 'the phone can follow')
  await fits(kiosk, 'number')

  // The paper: its words by poppler, its code by zbar.
  let paper
  await eventually(async () => {
    paper = (await readdir(papers).catch(() => [])).find((name) => /^[^.].*\.pdf$/.test(name) && !known.has(name))
    return Boolean(paper)
  }, 'the paper comes out')
  const pdf = join(papers, paper)
  const words = (await sh('pdftotext', ['-raw', pdf, '-'])).stdout.replace(/\s+/g, ' ')
  check(words.includes(number) && words.includes('Centro Integrato per il Lavoro'), 'it says number and office')
  const folder = await mkdtemp(join(tmpdir(), 'paper-'))
  await sh('pdftoppm', ['-r', '203', '-png', pdf, join(folder, 'page')])
  const [picture] = await readdir(folder)
  const { stdout: code } = await sh('zbarimg', ['-q', '--raw', '--nodbus', join(folder, picture)])
  await rm(folder, { recursive: true })
  const address = new URL(code.trim())
  check(address.hostname === 'sportello.test' && address.pathname.startsWith('/t/'), `its code opens the live ticket: ${address.pathname.slice(0, 3)}…`)
  await eventually(() => kiosk.isVisible('#live'), 'the kiosk tells of the paper')

  // The phone follows.
  const phone = await open(browser, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })
  await phone.goto(address.pathname)
  check((await phone.textContent('.number-value')).trim() === number, 'the phone shows the number')

  // The desk calls it, after those before it.
  await signIn(desk)
  await accessible(desk)
  for (let steps = 0; !await holds(desk, number); steps += 1) {
    if (steps > 200) throw new Error('the number was never called')
    const before = await desk.textContent('#ticket')
    await desk.click('#primary') // next, start, finish and next: whatever comes
    await desk.waitForFunction((text) => document.querySelector('#ticket')?.textContent !== text, before)
  }
  check((await desk.textContent('.ticket-why')).trim().length > 10, 'the desk says why this ticket is next')
  await eventually(async () => (await board.textContent('#current-call')).includes(number), 'the board shows it, after those called before', 90_000)
  await eventually(() => board.evaluate(() => window.played > 0), 'and plays it')
  await accessible(board)
  await eventually(async () => await phone.getAttribute('body', 'data-state') === 'called', 'the phone says where to go')
  await accessible(phone)
  await desk.click('form[action="/desk/start"] button')
  await eventually(async () => await phone.getAttribute('body', 'data-state') === 'serving', 'and that it is its turn')

  // The kiosk forgets by itself.
  await eventually(() => kiosk.isVisible('a.language[lang=it]'), 'the kiosk starts anew', 40_000)
  const traces = await kiosk.evaluate(async (secret) => ({
    page: document.documentElement.outerHTML.includes(secret),
    history: window.history.length,
    address: location.href,
    local: localStorage.length,
    session: sessionStorage.length,
    cookies: document.cookie,
    kept: (await Promise.all((await caches.keys()).map(async (name) => (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname)))).flat(),
  }), number)
  check(!traces.page && traces.local === 0 && traces.session === 0 && traces.cookies === '', `no trace in page and storage: ${JSON.stringify(traces)}`)
  check(traces.history === history && traces.address.endsWith('/kiosk'), 'none in history and address')
  check(traces.kept.every((path) => path.startsWith('/static/') || /^\/kiosk(\/waking)?$/.test(path)), `only the shell is kept: ${traces.kept}`)
  for (const page of [kiosk, board, desk, phone]) check(page.faults.length === 0, `no faults: ${page.faults}`)
})

// holds tells whether a number is called at the desk.
async function holds(page, number) {
  const called = page.locator('.ticket-called .ticket-label')
  return await called.count() > 0 && (await called.textContent()).trim() === number
}

// signIn opens the desk of an officer of the job centre who is at work.
async function signIn(page) {
  await page.goto('/sign-in')
  await page.fill('input[name=login]', 'isernia.cpi-1')
  await page.fill('input[name=password]', 'sportello')
  await page.click('form[action="/sign-in"] button')
  await page.waitForSelector('#ticket')
}

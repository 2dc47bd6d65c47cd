// The board in a browser: it shows and speaks calls once and one after another, survives being cut
// off, and fits both ways of hanging the screen.
import { accessible, check, enrol, eventually, line, open, run, sleep, staff } from './office.mjs'

await run(async (browser) => {
  const desk = await staff(browser)
  const wire = await line()
  const page = await open(browser, { baseURL: wire.baseURL, viewport: { width: 1920, height: 1080 } })
  await page.context().addInitScript(counting)
  const spoken = listen(page)
  const settled = async () => {
    await page.waitForFunction(() => window.states > 0)
    await sleep(300)
  }
  const shows = async (number, on = page) => (await on.textContent('#current-call')).includes(number)
  const lists = async (number) => (await page.textContent('#previous')).includes(number)

  const before = await desk.issue()
  await desk.call(before)
  await enrol(page, 'board')
  await page.goto('/board')
  check(await shows(before.number), 'the page comes with the call that is there')
  await accessible(page)
  await eventually(() => page.evaluate(() => navigator.serviceWorker.controller !== null), 'the page is kept')
  await settled()
  check(spoken.length === 0, 'a call that was there before is not spoken')

  const [first, second] = [await desk.issue(), await desk.issue()]
  await desk.call(first)
  await eventually(() => shows(first.number), 'a new call is shown')
  await eventually(() => spoken.length === 1, 'and spoken')
  await desk.call(second)
  await eventually(() => lists(second.number), 'the next one waits its turn')
  check(await shows(first.number), 'while the first is spoken it stays large')
  await eventually(() => spoken.length === 2, 'then it is spoken', 15_000)
  check(spoken[1].at - spoken[0].at >= 3_900, `one after another: ${spoken[1].at - spoken[0].at} ms`)
  check(await shows(second.number), 'and is large')
  await desk.recall(second)
  await eventually(() => spoken.length === 3, 'a repeated call is spoken again', 15_000)

  await page.reload()
  await settled()
  check(spoken.length === 3, 'loading the page anew speaks nothing')
  check(await shows(second.number), 'and shows the last call')

  wire.cut()
  await eventually(() => page.isVisible('#lost'), 'a board that is cut off says so', 20_000)
  await page.reload()
  check(await page.isVisible('#lost') && !await shows(second.number), 'switched on without a server it shows no old call')

  const other = await page.context().newPage() // the same board on a line that holds
  await other.clock.install()
  await other.route('**/board/speech/*', async (route) => {
    const answer = await route.fetch()
    await route.fulfill(answer.ok() ? { contentType: 'audio/wav', body: moment() } : { response: answer })
  })
  const heard = listen(other)
  await other.goto(`${process.env.BASE}/board`)
  await other.waitForFunction(() => window.states > 0)
  const burst = []
  for (let n = 0; n < 8; n++) burst.push(await desk.issue())
  for (const ticket of burst) await desk.call(ticket)
  const last = burst.at(-1)
  const called = Date.now()
  await eventually(async () => (await other.textContent('#previous')).includes(last.number), 'eight calls in a burst come at once')
  check(await other.locator('#previous .past').count() === 5, 'five of them are listed')
  for (const [n, { number }] of burst.entries()) {
    await eventually(async () => heard.length === n + 1 && await shows(number, other), `call ${n + 1} of eight is large and spoken`)
    await other.clock.fastForward(4_000)
  }
  await sleep(300)
  check(heard.length === 8 && await shows(last.number, other), 'each once, and the last one stays')
  check(await other.evaluate(() => window.cut) === undefined, 'none is cut off')
  await other.close()

  await sleep(called + 21_000 - Date.now())
  wire.mend()
  await eventually(() => shows(last.number), 'it catches up by itself', 30_000)
  await eventually(async () => !await page.isVisible('#lost'), 'and says nothing more of it')
  await settled()
  check(spoken.length === 3, 'an old call is not spoken')

  await desk.undo(last)
  await eventually(async () => !await shows(last.number) && !await lists(last.number), 'a call that is taken back is gone')

  for (const [width, height] of [[1920, 1080], [1080, 1920], [3840, 2160], [1280, 720]]) {
    await page.setViewportSize({ width, height })
    const outside = await page.evaluate(clipped)
    check(outside.length === 0, `everything fits ${width}×${height}: ${outside}`)
  }
  await page.emulateMedia({ reducedMotion: 'reduce' })
  await page.evaluate(() => document.querySelector('#current').setAttribute('data-new', ''))
  const motion = await page.evaluate(() => getComputedStyle(document.querySelector('#current'), '::after').animationDuration)
  check(parseFloat(motion) < 0.001, `reduced motion is still: ${motion}`)

  await page.goto('/board?lang=en')
  await settled()
  check((await page.textContent('.wait-people')).endsWith(' waiting'), 'its own words are English where that is asked for')
  check(await page.textContent('.call-label') === 'Desk', 'the sign too')
  await eventually(() => page.evaluate(async () => /lang="en"/.test(await (await caches.match('/board', { ignoreSearch: true })).text())), 'and keeps itself so')
  check(page.faults.length === 0, `no faults: ${page.faults}`)
})

// counting notes on a page how many states it got and whether a sound was stopped.
function counting() {
  const Source = window.EventSource
  window.EventSource = class extends Source {
    constructor(address) {
      super(address)
      this.addEventListener('board', () => { window.states = (window.states ?? 0) + 1 })
    }
  }
  const { pause } = HTMLMediaElement.prototype
  HTMLMediaElement.prototype.pause = function () {
    window.cut = true
    pause.call(this)
  }
}

// listen returns the calls that a page asks the sound of, as it does: { version, at }.
function listen(page) {
  const spoken = []
  page.on('request', (request) => {
    const version = request.url().match(/\/board\/speech\/(\d+)$/)?.[1]
    if (version && spoken.at(-1)?.version !== version) spoken.push({ version, at: Date.now() })
  })
  return spoken
}

// moment is a WAV file with a hundredth of a second of silence: 8 bits, mono.
function moment() {
  const [rate, samples] = [8_000, 80]
  const file = Buffer.alloc(44 + samples, 128)
  file.write('RIFF')
  file.writeUInt32LE(36 + samples, 4)
  file.write('WAVEfmt ', 8)
  file.writeUInt32LE(16, 16)
  file.writeUInt16LE(1, 20) // PCM
  file.writeUInt16LE(1, 22)
  file.writeUInt32LE(rate, 24)
  file.writeUInt32LE(rate, 28)
  file.writeUInt16LE(1, 32)
  file.writeUInt16LE(8, 34)
  file.write('data', 36)
  file.writeUInt32LE(samples, 40)
  return file
}

// clipped returns the texts that reach out of their box or the screen.
function clipped() {
  const boxes = ['.call', '.past', '.wait', '.slides ul', '.bar']
  const out = []
  for (const box of document.querySelectorAll(boxes.join())) {
    const { left, top, right, bottom } = box.getBoundingClientRect()
    for (const inner of box.querySelectorAll('p, li, h1, .past-desk, .call-name')) {
      const r = inner.getBoundingClientRect()
      if (!r.width) continue
      const apart = inner.tagName === 'SPAN' ? 40 : 2 // a span's box is its font's, taller than what is seen
      if (r.left < left - apart || r.right > right + apart || r.top < top - apart || r.bottom > bottom + apart) out.push(inner.textContent.trim())
    }
    if (left < 0 || right > innerWidth + 1 || bottom > innerHeight + 1) out.push(box.className)
  }
  return out
}

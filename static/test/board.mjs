// The board in a browser: it shows and speaks calls once and one after another, survives being cut
// off, and fits both ways of hanging the screen.
import { accessible, check, enrol, eventually, line, open, run, sleep, staff } from './office.mjs'

await run(async (browser) => {
  const desk = await staff(browser)
  const wire = await line()
  const page = await open(browser, { baseURL: wire.baseURL, viewport: { width: 1920, height: 1080 } })
  const spoken = [] // { version, at }
  page.on('request', (request) => {
    const version = request.url().match(/\/board\/speech\/(\d+)$/)?.[1]
    if (version && spoken.at(-1)?.version !== version) spoken.push({ version, at: Date.now() })
  })
  const shows = async (number) => (await page.textContent('#current-call')).includes(number)
  const lists = async (number) => (await page.textContent('#previous')).includes(number)

  const before = await desk.issue()
  await desk.call(before)
  await enrol(page, 'board')
  await page.goto('/board')
  check(await shows(before.number), 'the page comes with the call that is there')
  await accessible(page)
  await eventually(() => page.evaluate(() => navigator.serviceWorker.controller !== null), 'the page is kept')
  await sleep(2_000)
  check(spoken.length === 0, 'a call that was there before is not spoken')

  const [first, second, third] = [await desk.issue(), await desk.issue(), await desk.issue()]
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
  await sleep(2_000)
  check(spoken.length === 3, 'loading the page anew speaks nothing')
  check(await shows(second.number), 'and shows the last call')

  wire.cut()
  await eventually(() => page.isVisible('#lost'), 'a board that is cut off says so', 20_000)
  await page.reload()
  check(await page.isVisible('#lost') && !await shows(second.number), 'switched on without a server it shows no old call')
  await desk.call(third)
  await sleep(21_000)
  wire.mend()
  await eventually(() => shows(third.number), 'it catches up by itself', 30_000)
  await eventually(async () => !await page.isVisible('#lost'), 'and says nothing more of it')
  await sleep(2_000)
  check(spoken.length === 3, 'an old call is not spoken')

  await desk.undo(third)
  await eventually(async () => !await shows(third.number) && !await lists(third.number), 'a call that is taken back is gone')

  for (const [width, height] of [[1920, 1080], [1080, 1920], [3840, 2160], [1280, 720]]) {
    await page.setViewportSize({ width, height })
    const outside = await page.evaluate(clipped)
    check(outside.length === 0, `everything fits ${width}×${height}: ${outside}`)
  }
  await page.emulateMedia({ reducedMotion: 'reduce' })
  await page.evaluate(() => document.querySelector('#current').setAttribute('data-new', ''))
  const motion = await page.evaluate(() => getComputedStyle(document.querySelector('#current'), '::after').animationDuration)
  check(parseFloat(motion) < 0.001, `reduced motion is still: ${motion}`)
  check(page.faults.length === 0, `no faults: ${page.faults}`)
})

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

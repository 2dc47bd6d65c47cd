// An office of the demonstration as browser tests use it: BASE is the server's address. Whatever
// goes wrong throws.
import { readFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { chromium } from 'playwright-core'

const base = process.env.BASE ?? 'http://127.0.0.1:8080'
const office = 'isernia-centro-integrato'
const callReason = 'else'
const flags = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required',
]

export function check(condition, text) {
  if (!condition) throw new Error(text)
  console.log(`ok: ${text}`)
}

export async function eventually(condition, text, ms = 8_000) {
  const end = Date.now() + ms
  while (!await condition()) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${text}`)
    await sleep(50)
  }
  console.log(`ok: ${text}`)
}

export const sleep = (ms) => new Promise((done) => { setTimeout(done, ms) })

const axe = await readFile(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')

// still is a browser in which nothing moves, so that nothing has to be waited for.
export const still = { reducedMotion: 'reduce' }

const leaving = [] // what puts the office back as it was

// run gives work a browser and ends the process by how it went.
export async function run(work) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags })
  try {
    await work(browser)
  } catch (error) {
    console.error(error)
    process.exitCode = 1
  } finally {
    for (const leave of leaving) await leave().catch(console.error)
    await browser.close()
  }
}

// line is a connection to the server that can be cut and mended.
export async function line() {
  const { hostname, port } = new URL(base)
  const wires = new Set()
  let down = false
  const server = createServer((near) => {
    if (down) return near.destroy()
    const far = connect(port, hostname)
    for (const [wire, other] of [[near, far], [far, near]]) {
      wires.add(wire)
      wire.on('error', () => {}).on('close', () => { wires.delete(wire); other.destroy() })
      wire.pipe(other)
    }
  })
  await new Promise((done) => { server.listen(0, '127.0.0.1', done) })
  const cut = () => {
    down = true
    for (const wire of wires) wire.destroy()
  }
  leaving.push(async () => { cut(); server.close() })
  return { baseURL: `http://127.0.0.1:${server.address().port}`, cut, mend() { down = false } }
}

// open opens a page whose faults (scripts, content security policy) are kept in its property faults.
export async function open(browser, options = {}) {
  const context = await browser.newContext({ baseURL: base, ...still, ...options })
  const page = await context.newPage()
  page.faults = []
  page.on('pageerror', (error) => page.faults.push(String(error)))
  page.on('console', (message) => {
    if (/Content Security Policy/.test(message.text())) page.faults.push(message.text())
  })
  return page
}

// violations are what axe finds in a page.
export async function violations(page) {
  // What fades in is judged when it is there: colours in between are nobody's to read.
  await page.evaluate(() => Promise.race([
    Promise.all(document.getAnimations().filter((each) => each.effect.getComputedTiming().endTime < 2_000).map((each) => each.finished.catch(() => {}))),
    new Promise((done) => { setTimeout(done, 2_000) }),
  ]))
  if (!await page.evaluate(() => 'axe' in window)) await page.evaluate(axe)
  const found = await page.evaluate(() => window.axe.run())
  return found.violations.map(({ id, nodes }) => `${id} ${nodes.map(({ html }) => html).join(' ')}`)
}

export async function accessible(page) {
  const found = await violations(page)
  check(found.length === 0, `axe finds nothing: ${found.join('; ')}`)
}

// scan types as a reader of codes does, a key every ten milliseconds however busy this machine is; it ends with a
// key, or with none.
export async function scan(page, text, last = 'Enter') {
  const wire = await page.context().newCDPSession(page)
  const ends = { Enter: 13, Tab: 9 }
  const began = Date.now() / 1_000
  const press = (key, i) => ['keyDown', 'keyUp'].map((type) => wire.send('Input.dispatchKeyEvent', {
    type, key, code: ends[key] && key, windowsVirtualKeyCode: ends[key], timestamp: began + i / 100,
    text: type === 'keyUp' ? undefined : { Enter: '\r', Tab: undefined }[key] ?? (ends[key] ? undefined : key),
  }))
  await Promise.all([...text, ...(last ? [last] : [])].flatMap(press))
  await wire.detach()
}

const leastTarget = 81 // pixels, 20 mm on a 21.5" screen

// fits returns what is wrong with how a page of a kiosk fills the screen: nothing may scroll, and nothing be
// too small to touch or, with the controls low, out of reach.
export async function fits(page) {
  await page.evaluate(async () => {
    await document.fonts.ready
    for (let frame = 0; frame < 2; frame += 1) await new Promise((drawn) => { requestAnimationFrame(drawn) }) // of the size that it has now
  })
  return page.evaluate((least) => {
    const faults = []
    const main = document.getElementById('main')
    if (main.scrollHeight > main.clientHeight + 1) faults.push(`main scrolls: ${main.scrollHeight} in ${main.clientHeight}`)
    if (document.documentElement.scrollHeight > innerHeight) faults.push('the page scrolls')
    const low = innerHeight > innerWidth && document.documentElement.dataset.reach === 'low'
    for (const target of document.querySelectorAll('a, button')) {
      const box = target.getBoundingClientRect()
      if (!box.width || target.matches('.visually-hidden')) continue
      const name = target.textContent.trim().split('\n')[0]
      if (box.right > innerWidth + 1 || box.left < -1 || box.bottom > innerHeight + 1) faults.push(`out of the screen: ${name}`)
      if (target.scrollWidth > target.clientWidth + 1) faults.push(`wider than its button: ${name}`)
      if (box.width < least || box.height < least) faults.push(`too small: ${name} ${Math.round(box.width)}×${Math.round(box.height)}`)
      if (low && box.top < innerHeight / 2 && !target.matches('.search-clear')) faults.push(`out of reach: ${name}`)
    }
    return faults
  }, leastTarget)
}

// post sends a form and demands that it is taken.
async function post(request, path, form) {
  const answer = await request.post(path, { form, maxRedirects: 0 })
  if (answer.status() !== 303) throw new Error(`${path}: ${answer.status()} ${(await answer.text()).match(/role="alert">\s*<p>(.*)/)?.[1]}`)
  return answer
}

export const enrol = (page, kind) => post(page.request, '/enrol', { code: `${kind}-${office}` })

// staff is an officer who sits at a free desk, and a kiosk.
export async function staff(browser) {
  const { request } = await browser.newContext({ baseURL: base })
  await post(request, '/enrol', { code: `kiosk-${office}` })
  const services = await sit(request)
  const desk = (name, form = {}) => post(request, `/desk/${name}`, form)
  let calledTicket
  leaving.push(async () => {
    if (calledTicket) await desk('finish', { ticket: calledTicket })
    await desk('close')
  })
  return {
    // issue gives a ticket for a service that this desk can give alone.
    async issue(language = 'it') {
      for (const service of services.filter((id) => !id.startsWith('JNT-'))) {
        const answer = await request.post(`/api/v1/offices/${office}/tickets`, { data: { service, language } })
        if (answer.status() === 201) return answer.json()
      }
      throw new Error('no ticket is to be had')
    },
    // call calls a ticket whatever else waits.
    async call({ id }) {
      if (calledTicket) await desk('finish', { ticket: calledTicket })
      calledTicket = undefined
      await desk('call', { ticket: id, reason: callReason })
      calledTicket = id
    },
    recall: ({ id }) => desk('recall', { ticket: id }),
    start: ({ id }) => desk('start', { ticket: id }),
    async finish({ id }) {
      calledTicket = undefined
      await desk('finish', { ticket: id })
    },
    async undo({ id }) {
      calledTicket = undefined
      await desk('undo', { ticket: id })
    },
  }
}

// serveAll seats two officers of different institutions and returns what serves everybody who waits,
// so that the next number is never too far from its turn.
export async function serveAll(browser) {
  const desks = [await browser.newContext({ baseURL: base }), await browser.newContext({ baseURL: base })].map(({ request }) => request)
  for (const request of desks) await sit(request)
  return async () => {
    for (let somebody = true; somebody;) {
      somebody = false
      for (const request of desks) {
        await request.post('/desk/next')
        const ticket = (await (await request.get('/desk')).text()).match(/action="\/desk\/start">\s*<input type="hidden" name="ticket" value="([^"]+)"/)?.[1]
        if (!ticket) continue
        await post(request, '/desk/finish', { ticket })
        somebody = true
      }
    }
  }
}

// sit signs in as an officer who is at no desk and opens a free one; it returns what is served there.
async function sit(request) {
  const front = await (await request.get('/')).text()
  const logins = [...new Set(front.match(/isernia\.[a-z0-9-]+/g))].reverse()
  for (const login of logins) {
    await post(request, '/sign-in', { login, password: 'sportello' })
    const form = await (await request.get('/desk')).text()
    const desks = [...form.matchAll(/name="desk"[^>]*value="([^"]+)"|<option value="([^"]+)"/g)].map((match) => match[1] ?? match[2])
    const services = [...form.matchAll(/name="service"[^>]*value="([^"]+)"/g)].map((match) => match[1])
    for (const desk of desks) {
      const body = new URLSearchParams([['office', office], ['desk', desk], ...services.map((id) => ['service', id])])
      const answer = await request.post('/desk/open', {
        data: body.toString(), headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, maxRedirects: 0,
      })
      if (answer.status() === 303) return services
    }
  }
  throw new Error('no officer finds a free desk')
}

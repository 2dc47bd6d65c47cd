// Fetches pages and shows them in place of the present one. One request at a time: a second touch
// while one is under way is dropped, and one that fails is sent again as it was, so that a number
// asked for twice is the same number.
const busyAfter = 1_000
const lateAfter = 10_000
const retryAfter = 2_000
const attemptLasts = 15_000

const modes = ['data-text', 'data-contrast', 'data-reach']

let underWay = null // the AbortController of the request
let home = '' // the start page as it came: nothing of a citizen is in it

// begin takes the page that the browser has loaded.
export function begin() {
  if (document.body.hasAttribute('data-start') && !location.search) home = document.documentElement.outerHTML
  arrived()
}

// arrived tells the other modules that another page is shown.
function arrived() {
  document.dispatchEvent(new Event('lobby:page'))
}

// go asks for a page and shows it.
export async function go(address, options = {}) {
  if (underWay) return
  const control = new AbortController()
  underWay = control
  const origin = document.activeElement?.id
  const veil = watch()
  try {
    const response = await ask(address, options, control.signal, veil)
    const path = new URL(response.url).pathname
    if (path !== '/kiosk' && !path.startsWith('/kiosk/')) {
      location.replace(response.url)
      return
    }
    const html = await response.text()
    if (!control.signal.aborted) show(html, origin)
  } catch (error) {
    if (!control.signal.aborted) throw error
  } finally {
    veil.lift()
    if (underWay === control) underWay = null
  }
}

// part asks for a page without showing it; the answer is a document. It is quiet about failures.
export async function part(address, signal) {
  const response = await fetch(address, { headers: { Accept: 'text/html' }, signal })
  if (!response.ok) throw new Error(`status ${response.status}`)
  return new DOMParser().parseFromString(await response.text(), 'text/html')
}

// reset forgets the citizen: whatever is under way is dropped and the start page is back at once,
// line or no line. A time that is held for them is given back, and their card forgotten.
export function reset() {
  underWay?.abort()
  underWay = null
  if (document.body.hasAttribute('data-held')) navigator.sendBeacon('/kiosk/book/leave', new URLSearchParams())
  if (document.body.hasAttribute('data-card')) navigator.sendBeacon('/kiosk/card/no', new URLSearchParams())
  if (home) show(home)
  else go('/kiosk')
}

// ask sends a request until a server answers it. Gateways answer 502 to 504 when ours is away.
async function ask(address, options, signal, veil) {
  for (;;) {
    try {
      const response = await attempt(address, options, signal)
      if (![502, 503, 504].includes(response.status)) return response
    } catch (error) {
      if (signal.aborted) throw error
    }
    veil.lost()
    await pause(retryAfter, signal)
  }
}

async function attempt(address, options, signal) {
  const control = new AbortController()
  const stop = () => control.abort()
  const timer = setTimeout(stop, attemptLasts)
  signal.addEventListener('abort', stop)
  try {
    return await fetch(address, { ...options, headers: { Accept: 'text/html' }, signal: control.signal })
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
}

// watch says what is going on when an answer takes its time.
function watch() {
  const element = (id) => document.getElementById(id)
  const timers = [
    setTimeout(() => {
      if (element('lost').hidden) element('busy').hidden = false
    }, busyAfter),
    setTimeout(() => {
      for (const late of document.querySelectorAll('.veil-late, .veil [data-reset]')) late.hidden = false
    }, lateAfter),
  ]
  return {
    lost() {
      element('busy').hidden = true
      element('lost').hidden = false
    },
    lift() {
      timers.forEach(clearTimeout)
      for (const veil of document.querySelectorAll('.veil')) veil.hidden = true
      for (const pressed of document.querySelectorAll('[data-pressed]')) pressed.removeAttribute('data-pressed')
    },
  }
}

// show puts a page in the place of the present one and the focus where it belongs: on what was
// touched when it is still there, else on the heading.
function show(html, origin) {
  const next = new DOMParser().parseFromString(html, 'text/html')
  const kept = next.documentElement.hasAttribute('data-keep-modes') ? modes : []
  for (const name of ['lang', 'dir', ...modes]) {
    if (!kept.includes(name)) copy(next.documentElement, document.documentElement, name)
  }
  for (const sheet of next.querySelectorAll('link[rel="stylesheet"]')) {
    const known = [...document.querySelectorAll('link[rel="stylesheet"]')].some((other) => other.getAttribute('href') === sheet.getAttribute('href'))
    if (!known) document.head.append(document.adoptNode(sheet))
  }
  document.title = next.title
  document.body.replaceWith(document.adoptNode(next.body))
  const focused = (origin && document.getElementById(origin)) || document.querySelector('[data-focus]') || document.querySelector('h1')
  if (focused?.matches('h1')) focused.tabIndex = -1
  focused?.focus({ preventScroll: true })
  arrived()
}

function copy(from, to, name) {
  const value = from.getAttribute(name)
  if (value === null) to.removeAttribute(name)
  else to.setAttribute(name, value)
}

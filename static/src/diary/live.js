// Keeps the diary up to date: the server only says that the office has changed, the page then fetches
// itself. What somebody is choosing in the filters stays.
import { enter } from './grid.js'

const followed = document.querySelector('[data-live]')
const parts = ['.agenda-count', '.scroll-in', '.over', '.nothing']
let fetching = false
let again = false

async function refresh() {
  if (fetching) {
    again = true
    return
  }
  fetching = true
  try {
    const response = await fetch(location.href, { headers: { 'Sportello-Live': '1' } })
    const page = new DOMParser().parseFromString(await response.text(), 'text/html').querySelector('[data-live]')
    if (!page) return location.reload() // nobody is signed in any more
    takeOver(page)
    document.getElementById('offline').hidden = true
  } catch {
    document.getElementById('offline').hidden = false
  } finally {
    fetching = false
    if (again) {
      again = false
      refresh()
    }
  }
}

// takeOver puts in what differs; the focus stays where it was.
function takeOver(page) {
  const focused = document.activeElement?.closest('.hours a')?.getAttribute('href')
  followed.dataset.version = page.dataset.version
  const same = parts.every((part) => !!followed.querySelector(part) === !!page.querySelector(part))
  for (const part of same ? parts : []) {
    const old = followed.querySelector(part)
    const fresh = page.querySelector(part)
    if (old && old.innerHTML !== fresh.innerHTML) old.replaceChildren(...fresh.childNodes)
  }
  if (!same) followed.replaceChildren(...page.childNodes)
  enter(focused)
  if (focused) followed.querySelector('.hours a[tabindex="0"]')?.focus({ preventScroll: true })
}

if (followed) {
  const source = new EventSource(followed.dataset.live)
  source.addEventListener('desk', (event) => {
    if (event.lastEventId !== followed.dataset.version) refresh()
  })
  source.addEventListener('error', () => { document.getElementById('offline').hidden = source.readyState !== EventSource.CLOSED })
  setInterval(() => { if (!document.hidden) refresh() }, 300_000) // the line of the present moves on
}

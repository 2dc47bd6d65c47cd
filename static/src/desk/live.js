// Keeps the page up to date. The server only says that the office has changed; the page then fetches
// itself and takes over what differs, so that focus, what is typed and open menus stay.

const silence = 60_000 // the server speaks at least every half minute
let heard = Date.now()
let greeting = false // the first word of a new connection tells what the page may already show
let fetching = false
let again = false
let fetched = Date.now()
let expiry

const shown = () => Number(document.getElementById('events')?.dataset.version ?? 0)
const versionIn = (text) => Number(text.match(/id="events" data-version="(\d+)"/)?.[1] ?? Infinity)

// refresh fetches the page anew; a call while one is under way makes one more afterwards.
export async function refresh() {
  if (fetching) {
    again = true
    return
  }
  fetching = true
  fetched = Date.now()
  const address = location.href
  try {
    const response = await fetch(address, { headers: { 'Sportello-Live': '1' } })
    const text = await response.text()
    if (location.href !== address) { // a step was answered meanwhile; this is older
      again = true
      return
    }
    if (response.redirected) history.replaceState(null, '', response.url)
    if (versionIn(text) >= shown()) {
      // what was refused stays to be read until the next step
      const refused = document.querySelector('#alert:has(.note-danger)')
      refused?.setAttribute('hx-morph-skip', '')
      await window.htmx.swap({ text, target: '#page', select: '#page', swap: 'outerMorph show:none', sourceElement: document.body })
      refused?.removeAttribute('hx-morph-skip')
    }
    online(true)
  } catch {
    online(false)
  } finally {
    fetching = false
    if (again) {
      again = false
      refresh()
    }
  }
}

function online(is) {
  heard = Date.now()
  document.getElementById('offline').hidden = is
}

document.addEventListener('desk', (event) => {
  online(true)
  const known = greeting && Number(event.detail.id) === shown()
  greeting = false
  if (!known) refresh()
})
document.addEventListener('htmx:sse:after:connection', () => (greeting = true))
document.addEventListener('htmx:sse:error', () => online(false))
setInterval(() => {
  // minutes go by and printers run out without the office changing
  if (document.getElementById('events') && !document.hidden && Date.now() - Math.min(heard, fetched) > silence) refresh()
}, 5_000)

// What can be undone can be so for a minute: then the page looks again.
function watchUndo() {
  clearTimeout(expiry)
  const undo = document.querySelector('[data-expires]')
  if (undo) expiry = setTimeout(refresh, Number(undo.dataset.expires) * 1000)
}
document.addEventListener('htmx:after:swap', watchUndo)
watchUndo()

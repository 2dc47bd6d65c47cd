// A reader of codes is a keyboard that types fast and ends with Enter. What it types is never shown: it
// is sent from the pages that say where to.
import { go } from './pages.js'

const gap = 300 // ms, after which what was typed before was no code
const burst = 60 // ms between two letters: nobody types that fast
const shortest = 6

let typed = ''
let fast = 0 // letters of typed that came in a burst
let at = 0

const target = () => document.body.dataset.scan

function forget() {
  typed = ''
  fast = 0
}

document.addEventListener('keydown', (event) => {
  if (!target() || event.ctrlKey || event.altKey || event.metaKey) return
  const since = event.timeStamp - at
  if (event.key === 'Enter') {
    if (typed.length < shortest || since > gap) return forget()
    event.preventDefault() // it is not for what has the focus
    event.stopImmediatePropagation()
    const code = typed
    forget()
    unwritten()
    go(target(), { method: 'POST', body: new URLSearchParams({ code, scanned: '1' }) })
    return
  }
  if (event.key.length !== 1) return
  if (since > gap) forget()
  at = event.timeStamp
  fast += typed && since < burst ? 1 : 0
  typed += event.key
  if (fast < 2) return
  event.preventDefault()
  event.stopImmediatePropagation()
  unwritten()
}, true)

// unwritten takes out of a field what was there before it was known for a code.
function unwritten() {
  const input = document.querySelector('[data-keys="code"]')
  if (input) input.value = ''
}

document.addEventListener('lobby:page', forget)

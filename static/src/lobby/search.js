// The search: letters appear at once, what they find a moment later.
import { part } from './pages.js'

const settle = 150 // ms without another letter before the server is asked
const renewed = ['found', 'bar', 'languages', 'help', 'other-keys']

let timer
let asked

const field = () => document.getElementById('q')

document.addEventListener('input', (event) => {
  if (event.target === field()) look()
})

function look() {
  clearTimeout(timer)
  timer = setTimeout(find, settle)
}

async function find() {
  const form = document.getElementById('search')
  asked?.abort()
  asked = new AbortController()
  try {
    const next = await part(`${form.action}?${new URLSearchParams(new FormData(form))}`, asked.signal)
    if (!form.isConnected) return
    for (const id of renewed) {
      const fresh = next.getElementById(id)
      if (fresh) document.getElementById(id)?.replaceWith(document.adoptNode(fresh))
    }
    document.dispatchEvent(new Event('lobby:part'))
  } catch (error) {
    if (error.name !== 'AbortError' && form.isConnected) look()
  }
}

document.addEventListener('lobby:page', () => clearTimeout(timer))

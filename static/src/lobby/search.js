// The search: letters appear at once, what they find a moment later.
import { part } from './pages.js'

const settle = 150 // ms without another letter before the server is asked
const renewed = ['found', 'bar', 'languages', 'help', 'other-keys']

let timer
let asked

const field = () => document.getElementById('q')

document.addEventListener('submit', (event) => {
  const { target: form, submitter } = event
  if (form.id !== 'search' || submitter?.name !== 'key') return
  event.preventDefault()
  type(submitter.value)
  look()
})

function type(key) {
  const input = field()
  const letters = [...input.value]
  if (key === 'clear') input.value = ''
  else if (key === 'delete') input.value = letters.slice(0, -1).join('')
  else if (letters.length < input.maxLength) input.value += key
  input.scrollLeft = input.scrollWidth
}

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

// Our keys leave the focus in the field, and a keyboard types there wherever the focus is.
document.addEventListener('pointerdown', (event) => {
  if (event.target.closest('.key')) event.preventDefault()
})
document.addEventListener('keydown', (event) => {
  const input = field()
  const typing = event.key.length === 1 && event.key !== ' ' && !event.ctrlKey && !event.altKey && !event.metaKey
  if (input && typing && event.target !== input) input.focus()
})

document.addEventListener('lobby:page', () => clearTimeout(timer))

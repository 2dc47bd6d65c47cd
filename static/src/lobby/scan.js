// What a reader of codes types, wherever the focus is, is sent to where the page says and shown nowhere: it
// is in no field, no address and no storage.
import { go } from './pages.js'
import { back, end, gap, keep, pass, reader, settle } from './reader.js'

const read = reader()
let before = [] // the fields as they were before each of the last two letters that went into them
let timer

const target = () => document.body.dataset.scan
const typed = 'textarea, input:not([type="hidden"], [type="radio"], [type="checkbox"])'
const fields = () => [...document.querySelectorAll(typed)]
const typing = () => document.activeElement?.matches(typed)

document.addEventListener('keydown', (event) => {
  if (!target() || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return
  const { key, timeStamp: at } = event
  if (read.late(at)) finish()
  const held = read.held()
  let what = read.key(key, at)
  while (what === back) {
    giveBack()
    what = read.key(key, at)
  }
  if (what === pass) {
    if (key.length === 1) before = [...before, fields().map((field) => [field, field.value])].slice(-2)
    return
  }
  event.preventDefault() // it is not for what has the focus
  event.stopImmediatePropagation()
  if (what === keep && !held && read.held()) takeOut()
  clearTimeout(timer)
  timer = setTimeout(finish, what === end ? settle : gap)
}, true)

// finish sends what was kept if it is a code, or gives it back.
function finish() {
  clearTimeout(timer)
  if (read.code(typing())) send(read.take())
  else if (read.held()) giveBack()
  else read.take()
  before = []
}

function send(code) {
  const form = document.getElementById('typed') // what a citizen has typed goes along
  const body = new URLSearchParams(form ? new FormData(form) : undefined)
  body.set('code', code)
  body.set('scanned', '1')
  go(target(), { method: 'POST', body })
}

// takeOut takes out of the fields what was there before it was known for a code.
function takeOut() {
  for (const [field, value] of before[0] ?? []) if (field.value !== value) put(field, value)
}

// giveBack types what no reader did.
function giveBack() {
  const text = read.take()
  const field = document.activeElement
  if (!typing() || (field.maxLength >= 0 && field.value.length + text.length > field.maxLength)) return
  field.setRangeText(text, field.selectionStart, field.selectionEnd, 'end')
  field.dispatchEvent(new Event('input', { bubbles: true }))
}

function put(field, value) {
  field.value = value
  field.dispatchEvent(new Event('input', { bubbles: true }))
}

document.addEventListener('pointerdown', finish, true) // whoever touches has typed all
document.addEventListener('lobby:page', () => {
  clearTimeout(timer)
  read.take()
  before = []
})

// When nobody touches anything: a question first, then a clean start.
import { reset } from './pages.js'

let timer
let countdown

function arm() {
  disarm()
  const { idle } = document.body.dataset
  if (idle) timer = setTimeout(warn, Number(idle) * 1_000)
}

function disarm() {
  clearTimeout(timer)
  clearInterval(countdown)
}

function warn() {
  let left = Number(document.body.dataset.warn)
  const dialog = document.getElementById('idle')
  if (!dialog || left === 0) {
    reset()
    return
  }
  const seconds = dialog.querySelector('[data-seconds]')
  seconds.textContent = left
  for (const open of document.querySelectorAll('dialog[open]')) open.close()
  dialog.showModal()
  countdown = setInterval(() => {
    left -= 1
    seconds.textContent = left
    if (left <= 0) reset()
  }, 1_000)
}

function stay() {
  document.getElementById('idle')?.close()
  arm()
}

document.addEventListener('lobby:page', arm)
document.addEventListener('click', (event) => {
  if (event.target.closest('[data-stay]')) stay()
})
// Esc closes the question: whoever presses it is there.
document.addEventListener('cancel', (event) => event.target.id === 'idle' && stay(), true)
for (const name of ['pointerdown', 'keydown', 'input']) {
  document.addEventListener(name, () => {
    if (!document.getElementById('idle')?.open) arm()
  }, true)
}

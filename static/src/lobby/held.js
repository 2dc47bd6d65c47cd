// A time that is held for a citizen: how long still, and back to choose another when it is over.
import { go } from './pages.js'

let timer

function arm() {
  clearInterval(timer)
  const held = document.querySelector('.held')
  if (!held) return
  const until = Date.now() + Number(held.dataset.left) * 1_000
  const left = held.querySelector('.held-left')
  left.hidden = false
  const tick = () => {
    const seconds = Math.max(0, Math.round((until - Date.now()) / 1_000))
    left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
    left.toggleAttribute('data-soon', seconds <= 120)
    if (seconds > 0) return
    clearInterval(timer)
    go(held.dataset.expired)
  }
  tick()
  timer = setInterval(tick, 1_000)
}

document.addEventListener('lobby:page', arm)

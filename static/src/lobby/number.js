// The page with the number: it follows what becomes of the paper and of the wait, and goes away by
// itself unless the citizen wants to keep it.
import { part, reset } from './pages.js'

const paperEvery = 1_000
const waitEvery = 5_000

let leaving
let asking
let line

function arm() {
  stop()
  if (!document.body.hasAttribute('data-number')) return
  stayFor(seconds())
  follow()
}

function stop() {
  clearTimeout(leaving)
  clearTimeout(asking)
  line?.cancel()
}

function seconds() {
  return Number(document.querySelector('#live [data-show]').dataset.show)
}

// stayFor lets the number go after so many seconds, and shows how they run out.
function stayFor(duration) {
  clearTimeout(leaving)
  line?.cancel()
  leaving = setTimeout(reset, duration * 1_000)
  document.querySelector('[data-left]').hidden = false
  line = document.querySelector('.ticket-line').animate([{ transform: 'scaleX(1)' }, { transform: 'scaleX(0)' }], duration * 1_000)
}

function follow() {
  const owed = document.querySelector('#live [data-owed]')
  asking = setTimeout(look, owed ? paperEvery : waitEvery)
}

async function look() {
  const live = document.getElementById('live')
  try {
    const next = await part(live.dataset.address)
    if (live.isConnected) update(live, next.body.firstElementChild)
  } catch {
    // The number stays as it is; the next look may get an answer.
  }
  if (live.isConnected) follow()
}

function update(live, next) {
  const now = live.firstElementChild
  if (now.isEqualNode(next)) return
  const longer = now.dataset.show !== next.dataset.show
  now.replaceWith(document.adoptNode(next))
  document.querySelector('[data-keep]').hidden = !('extendable' in next.dataset)
  if (longer) stayFor(seconds())
  document.dispatchEvent(new Event('lobby:part'))
}

document.addEventListener('lobby:page', arm)
// Whoever touches, types, or presses a button with a switch, is there.
for (const name of ['pointerdown', 'keydown', 'click']) {
  document.addEventListener(name, () => {
    if (document.body.hasAttribute('data-number')) stayFor(seconds())
  })
}

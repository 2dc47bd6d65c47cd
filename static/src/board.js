// The call board of the waiting room. The server sends what to show as a state; the page shows it,
// speaks calls that are new, and mends its connection by itself.
import { startClock, setClock, showCalls, showSlides, showWaits } from './board/show.js'
import { onBlocked, play, stop, test } from './board/sound.js'
import { keepShell } from './board/keep.js'

const speakWithin = 20_000 // ms; older calls of a time when the board was away are shown, not spoken
const shortest = 4_000 // ms that each of several calls stays large, with or without sound
const silence = 45_000 // ms; the server sends a state every 30 seconds at least
const again = 5_000
const patience = 3_000 // before a lost connection is shown

const page = document.body.dataset
let newest = 'shell' in page ? Infinity : Number(page.version) // every call up to this one is old
let calls = []
let queue = [] // calls to be spoken, oldest first
let speaking

if (page.fault) setTimeout(reopen, 30_000)
else start()

function start() {
  startClock(Number(page.now), page.zone)
  connect()
  setUpSound()
  keepShell()
}

// receive shows a state and queues its new calls; a call that was taken back is heard no more.
function receive(state) {
  if (state.build !== page.build && !speaking) return reopen()
  setClock(Date.parse(state.now))
  calls = state.calls
  const fresh = calls.filter((call) => call.version > newest && call.age <= speakWithin)
  newest = Math.max(newest === Infinity ? 0 : newest, state.version, ...calls.map(({ version }) => version))
  queue = [...queue, ...fresh.reverse()].filter(stillThere)
  if (speaking && !stillThere(speaking)) stop()
  showCalls(calls, speaking && stillThere(speaking) ? speaking : undefined)
  showWaits(state.waits)
  showSlides(state.slides)
  announce()
}

// stillThere reports whether a call was not taken back; one older than all that are sent is merely
// too old to be among them.
function stillThere({ version }) {
  return version < calls.at(-1)?.version || calls.some((other) => other.version === version)
}

// announce shows and speaks the queued calls, one after another.
async function announce() {
  if (speaking) return
  while ((speaking = queue.shift())) {
    showCalls(calls, speaking, true)
    await Promise.all([play(`/board/speech/${speaking.version}`), wait(shortest)])
  }
  showCalls(calls)
}

function connect() {
  const events = new EventSource(`/board/events?lang=${document.documentElement.lang}`)
  let quiet
  const listen = () => {
    clearTimeout(quiet)
    quiet = setTimeout(() => { events.close(); lost(); connect() }, silence)
  }
  listen()
  events.addEventListener('board', (event) => {
    listen()
    found()
    receive(JSON.parse(event.data))
  })
  events.addEventListener('error', async () => {
    lost()
    if (events.readyState !== EventSource.CLOSED) return // the browser tries again by itself
    clearTimeout(quiet)
    await wait(again)
    if (!await reopen()) connect()
  })
}

// reopen loads the page anew, once the server can be reached.
async function reopen() {
  const answer = await fetch('/board', { cache: 'no-store' }).catch(() => undefined)
  if (answer && answer.status < 500) location.reload()
  else if (page.fault) setTimeout(reopen, again)
  return answer?.status < 500
}

const pill = document.querySelector('#lost')
let losing

function lost() {
  losing ??= setTimeout(() => { pill.hidden = false }, patience)
}

function found() {
  clearTimeout(losing)
  losing = undefined
  pill.hidden = true
}

function setUpSound() {
  const button = document.querySelector('#sound')
  button.hidden = false
  onBlocked((blocked) => button.toggleAttribute('data-blocked', blocked))
  button.addEventListener('click', () => { if (!speaking) test('/board/test.wav') })
}

function wait(ms) {
  return new Promise((done) => { setTimeout(done, ms) })
}

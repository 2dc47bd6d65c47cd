// The live ticket on a citizen's phone. The page works without this; with it, it changes by itself,
// shakes when the number is called and rings for who asked for it.
const status = document.querySelector('#status')
const pill = document.querySelector('#lost')
const page = document.body.dataset
const patience = 3_000 // ms before a lost connection is shown
const again = 5_000
const stale = 60_000 // the server sends a state every 30 seconds at least

let called = page.state === 'called' ? Number(page.calls) : 0
let heard = Date.now()
let events
let losing

if (status && !('ended' in page)) {
  connect()
  setUpSound()
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && Date.now() - heard > stale) connect()
  })
}

function connect() {
  events?.close()
  events = new EventSource(`${location.pathname}/events?lang=${document.documentElement.lang}`)
  events.addEventListener('ticket', (event) => {
    found()
    receive(JSON.parse(event.data))
  })
  events.addEventListener('error', () => {
    losing ??= setTimeout(() => { pill.hidden = false }, patience)
    if (events.readyState === EventSource.CLOSED) setTimeout(connect, again)
  })
}

function found() {
  heard = Date.now()
  clearTimeout(losing)
  losing = undefined
  pill.hidden = true
}

function receive(ticket) {
  show(ticket)
  if (ticket.state === 'called' && ticket.calls > called) alarm()
  called = ticket.state === 'called' ? ticket.calls : 0
  if (!ticket.ended) return
  events.close()
  document.querySelector('#sound').hidden = true
}

// show changes only what differs, so that screen readers read it once.
function show({ state, title, html, updated, leave }) {
  const next = document.createElement('template')
  next.innerHTML = html
  if (next.innerHTML !== status.innerHTML) status.replaceChildren(next.content)
  document.body.dataset.state = state
  document.title = title
  document.querySelector('#updated').textContent = updated
  document.querySelector('#leave')?.toggleAttribute('hidden', !leave)
}

let sound

function setUpSound() {
  const button = document.querySelector('#sound')
  button.hidden = false
  button.addEventListener('click', () => {
    const on = button.getAttribute('aria-pressed') !== 'true'
    button.setAttribute('aria-pressed', on)
    sound ??= new AudioContext()
    if (on) sound.resume().then(ring)
    else sound.suspend()
  })
}

function alarm() {
  navigator.vibrate?.([400, 200, 400, 200, 800])
  if (sound?.state === 'running') [0, 1.5, 3].forEach(ring)
}

// ring sounds the board's two tones, some seconds from now.
function ring(later = 0) {
  for (const [hertz, at] of [[659.26, 0], [523.25, 0.28]]) {
    const begin = sound.currentTime + later + at
    const tone = new OscillatorNode(sound, { frequency: hertz })
    const loud = new GainNode(sound, { gain: 0 })
    loud.gain.setValueAtTime(0, begin)
    loud.gain.linearRampToValueAtTime(0.5, begin + 0.01)
    loud.gain.exponentialRampToValueAtTime(0.001, begin + 0.6)
    tone.connect(loud).connect(sound.destination)
    tone.start(begin)
    tone.stop(begin + 0.7)
  }
}

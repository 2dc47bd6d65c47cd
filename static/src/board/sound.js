// The board's voice: one sound at a time. Browsers may refuse to play before somebody touched the
// page; then calls are only shown, and the page says so.
const longest = 20_000 // ms; no call lasts as long
const audio = new Audio()
let tell = () => {}
let finish = () => {}

// onBlocked calls back whether the browser refuses to play, now and whenever that changes.
export function onBlocked(callback) {
  tell = callback
  const probe = new AudioContext()
  setTimeout(() => {
    if (probe.state === 'suspended') tell(true)
    probe.close()
  }, 500)
}

// play ends when the sound has, or could not be played.
export async function play(url) {
  audio.src = url
  const ended = new Promise((done) => { finish = done })
  audio.onended = audio.onerror = finish
  try {
    await audio.play()
    tell(false)
  } catch (error) {
    if (error.name === 'NotAllowedError') tell(true)
    return
  }
  const late = setTimeout(finish, longest)
  await ended
  clearTimeout(late)
}

// stop ends the sound that plays.
export function stop() {
  audio.pause()
  finish()
}

// test plays a sound because somebody asked for it, which also lets later ones play.
export function test(url) {
  stop()
  return play(url)
}

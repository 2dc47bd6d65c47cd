// Counts down how long a start is held.
const shown = document.querySelector('[data-left]')

if (shown) {
  const end = Date.now() + Number(shown.dataset.left) * 1000
  const tick = () => {
    const seconds = Math.max(0, Math.ceil((end - Date.now()) / 1000))
    shown.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
  }
  tick()
  setInterval(tick, 1000)
}

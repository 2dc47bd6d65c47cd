// A page never scrolls, and with the controls low nothing to touch is in the upper half: where the
// words are long it is set tighter, step by step, until that is so.
const steps = ['', '1', '2', '3', '4', '5', '6']

function fit() {
  const main = document.getElementById('main')
  for (const step of steps) {
    if (step) main.dataset.fit = step
    else delete main.dataset.fit
    if (main.scrollHeight <= main.clientHeight + 1 && low(main)) return
  }
}

function low(main) {
  if (document.documentElement.dataset.reach !== 'low' || !matchMedia('(orientation: portrait)').matches) return true
  const touchable = main.querySelector(':is(a, button):not(.search-clear, .visually-hidden)')
  return !touchable || touchable.getBoundingClientRect().top >= innerHeight / 2
}

document.addEventListener('lobby:page', fit)
document.addEventListener('lobby:part', fit)
document.fonts.addEventListener('loadingdone', fit)
addEventListener('resize', fit)

// What the board shows: the same parts that the server put on the page, filled anew.
const current = document.querySelector('#current')
const inner = document.querySelector('#current-call')
const highlightFor = 12_000
const slideFor = 8_000
const below = 5 // calls besides the large one; the server sends more, to be spoken

let shown // the version of the large call
let calm

// showCalls shows the call being spoken, or else the newest, large, and the others below.
export function showCalls(calls, speaking, isNew = false) {
  const large = speaking ?? calls[0]
  if (large?.version !== shown || isNew) showLarge(large, isNew)
  const others = calls.filter((call) => call.version !== large.version).slice(0, below)
  replace('#previous', others.map((call) => {
    const item = fill('#past', call)
    item.firstElementChild.dataset.size = call.size
    return item
  }))
}

function showLarge(call, isNew) {
  if (call?.version !== shown) inner.replaceChildren(fill(call ? '#call' : '#none', call))
  shown = call?.version
  current.dataset.size = call?.size ?? ''
  current.removeAttribute('data-new')
  clearTimeout(calm)
  if (!isNew) return
  void current.offsetWidth // lets the animation begin again
  current.setAttribute('data-new', '')
  calm = setTimeout(() => current.removeAttribute('data-new'), highlightFor)
}

export function showWaits(waits) {
  replace('#waits', waits.map((wait) => fill('#wait', wait)))
  document.querySelector('#waits').dataset.count = waits.length
}

let slides = ''
let turn

// showSlides begins the round of texts anew when they changed.
export function showSlides(list) {
  if (JSON.stringify(list) === slides) return
  slides = JSON.stringify(list)
  replace('#slides', list.map(({ lang, dir, text, lines }, i) => {
    const item = document.createElement('li')
    Object.assign(item, { lang, dir, textContent: text, hidden: i > 0 })
    item.dataset.lines = lines
    return item
  }))
  clearInterval(turn)
  turn = setInterval(nextSlide, slideFor)
}

function nextSlide() {
  const all = [...document.querySelector('#slides').children]
  const at = all.findIndex((slide) => !slide.hidden)
  all.forEach((slide, i) => { slide.hidden = i !== (at + 1) % all.length })
}

let offset = 0 // ms that the server's clock is ahead of this one

export function setClock(now) {
  offset = now - Date.now()
}

export function startClock(now, zone) {
  const clock = document.querySelector('#clock')
  const format = new Intl.DateTimeFormat('it-IT', { hour: '2-digit', minute: '2-digit', timeZone: zone })
  setClock(now)
  setInterval(() => {
    const text = format.format(Date.now() + offset)
    if (clock.textContent !== text) clock.textContent = text
  }, 1_000)
}

// fill returns a copy of a template with values in the elements that say which they hold.
function fill(template, values) {
  const copy = document.querySelector(template).content.cloneNode(true)
  for (const element of copy.querySelectorAll('[data-is]')) element.textContent = values[element.dataset.is]
  return copy
}

function replace(list, items) {
  document.querySelector(list).replaceChildren(...items)
}

// Our own keyboards: what a key types goes into the field that has the focus, or had it last. A real
// keyboard types there too, wherever the focus is.
let last // the field

const field = () => (last?.isConnected ? last : document.querySelector('[data-keys][data-focus]'))
const board = () => document.querySelector(`[data-keyboard="${field()?.dataset.keys}"]`)

function arm() {
  last = undefined
  for (const input of document.querySelectorAll('[data-keys]')) input.setSelectionRange(input.value.length, input.value.length) // one goes on where one ended
  seen()
}

// seen shows the keyboard of the field, and no other.
function seen() {
  for (const other of document.querySelectorAll('[data-keyboard]')) other.hidden = other !== board()
  capitals()
}

// capitals has names begin with one, as far as nobody said otherwise.
function capitals() {
  const input = field()
  if (input?.autocapitalize === 'words') shift(/(^|[\s'’-])$/.test(input.value.slice(0, input.selectionStart)))
}

function shift(on) {
  const shown = board()
  shown?.toggleAttribute('data-capitals', on)
  for (const key of shown?.querySelectorAll('[value="shift"]') ?? []) key.setAttribute('aria-pressed', on)
}

function press(key) {
  const input = field()
  const { toLayer, toField } = key.dataset
  if (toLayer) {
    for (const layer of board().querySelectorAll('[data-layer]')) layer.hidden = layer.dataset.layer !== toLayer
    board().querySelector(`[data-layer="${toLayer}"] button`).focus()
  } else if (toField) {
    document.getElementById(toField).focus()
  } else if (key.value === 'shift') {
    shift(!board().hasAttribute('data-capitals'))
  } else {
    type(input, key.value, board().hasAttribute('data-capitals'))
  }
}

function type(input, value, capital) {
  const from = input.selectionStart
  const until = input.selectionEnd
  if (value === 'clear') input.value = ''
  else if (value === 'delete') input.setRangeText('', from === until ? from - (from > 0 ? lengthBefore(input, from) : 0) : from, until, 'end')
  else if (input.value.length + value.length <= input.maxLength) input.setRangeText(capital ? value.toLocaleUpperCase(document.documentElement.lang) : value, from, until, 'end')
  input.scrollLeft = input.scrollWidth
  input.dispatchEvent(new Event('input', { bubbles: true }))
}

// lengthBefore is how many units the letter before a place has.
function lengthBefore(input, at) {
  return [...input.value.slice(0, at)].at(-1).length
}

document.addEventListener('lobby:page', arm)
document.addEventListener('focusin', ({ target }) => {
  if (!target.matches('[data-keys]')) return
  last = target
  seen()
})
document.addEventListener('input', ({ target }) => target === field() && capitals())
document.addEventListener('click', (event) => {
  const key = event.target.closest('button.key, .search-clear')
  if (!key || !field()) return
  event.preventDefault() // without a script it sends the form
  press(key)
})

// Keys leave the focus in the field.
document.addEventListener('pointerdown', (event) => {
  if (event.target.closest('.key')) event.preventDefault()
})
document.addEventListener('keydown', (event) => {
  const typing = event.key.length === 1 && event.key !== ' ' && !event.ctrlKey && !event.altKey && !event.metaKey
  if (field() && typing && !event.target.matches('input') && !document.querySelector('dialog[open]')) field().focus()
})

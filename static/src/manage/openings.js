// The drawing of an office's week: it follows what is typed, and whoever drags over a day adds a stretch
// to the series that is chosen. The fields say the same without it.
const grid = 15 // minutes to which a drag snaps

const clock = (minutes) => `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`

const minutes = (text) => {
  const found = /^(\d{1,2})(?:[:.](\d{2}))?$/.exec(text.trim())
  return found ? Number(found[1]) * 60 + Number(found[2] ?? 0) : NaN
}

const stretches = (text) => text.replaceAll(/\s*[-–—]\s*/g, '-').split(/[\s,;]+/).filter(Boolean)
  .map((part) => part.split('-').map(minutes)).filter(([from, until]) => until > from)

const svgNamed = (name, values) => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(values)) made.setAttribute(key, value)
  return made
}

class Week {
  constructor(form) {
    this.form = form
    this.svg = form.querySelector('#week')
    this.first = Number(this.svg.dataset.first)
    this.column = Number(this.svg.dataset.column)
    this.lanes = Object.keys(this.svg.dataset).filter((key) => key.startsWith('lane-'))
      .map((key) => this.svg.dataset[key])
    this.chosen = 0
    form.addEventListener('input', () => this.draw())
    form.addEventListener('focusin', ({ target }) => this.choose(target))
    if (form.querySelector('fieldset.form-all').disabled) {
      this.svg.classList.add('still')
      return
    }
    this.svg.addEventListener('pointerdown', (event) => this.begin(event))
    this.mark()
    this.draw()
  }

  // The series, a fieldset each.
  series() {
    return [...this.form.querySelectorAll('#opening > .row-fields')]
  }

  choose(target) {
    const at = this.series().findIndex((one) => one.contains(target))
    if (at >= 0) this.chosen = at
    this.mark()
  }

  mark() {
    this.series().forEach((one, n) => one.classList.toggle('drawing', n === this.chosen))
  }

  read(one, n) {
    const field = (name) => one.querySelector(`[name="opening.${n}.${name}"]`)
    const checked = (name) => [...one.querySelectorAll(`[name="opening.${n}.${name}"]:checked`)].map(({ value }) => value)
    return {
      days: checked('weekdays'), institutions: checked('institutions'), intervals: stretches(field('intervals').value),
      from: field('from').value, until: field('until').value, field,
    }
  }

  // draw shows the series as they are typed, those that are over left out.
  draw() {
    const today = new Date().toISOString().slice(0, 10)
    const from = this.form.elements.from.value
    const all = this.series().map((one, n) => this.read(one, n))
      .filter(({ until }) => !until || until >= (from || today))
    const lane = (this.column - 4) / Math.max(1, this.lanes.length)
    for (const day of this.svg.querySelectorAll('[data-day]')) {
      const x = Number(day.querySelector('.day').getAttribute('x'))
      const blocks = all.filter(({ days }) => days.includes(day.dataset.day)).flatMap(({ institutions, intervals }) =>
        this.lanes.flatMap((id, n) => (institutions.length === 0 || institutions.includes(id) ? intervals : []).map(([begins, ends]) => {
          const rect = svgNamed('rect', {
            class: `block tone-${n}`, x: x + 2 + n * lane, y: begins - this.first, width: lane - 2, height: ends - begins,
          })
          rect.append(Object.assign(svgNamed('title', {}), { textContent: `${id} ${clock(begins)}-${clock(ends)}` }))
          return rect
        })))
      day.querySelector('.blocks').replaceChildren(...blocks)
    }
  }

  at(event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse())
    return Math.max(0, Math.round((point.y + this.first) / grid) * grid)
  }

  begin(event) {
    const day = event.target.closest('[data-day]')
    const one = this.series()[this.chosen]
    if (!day || !one || event.button !== 0) return
    event.preventDefault()
    const from = this.at(event)
    const shape = svgNamed('rect', { class: 'drawn', x: day.querySelector('.day').getAttribute('x'), width: this.column, y: from - this.first, height: 0 })
    day.append(shape)
    this.svg.setPointerCapture(event.pointerId)
    const move = (moved) => {
      const to = this.at(moved)
      shape.setAttribute('y', Math.min(from, to) - this.first)
      shape.setAttribute('height', Math.abs(to - from))
    }
    const end = (ended) => {
      this.svg.removeEventListener('pointermove', move)
      this.svg.removeEventListener('pointerup', end)
      this.svg.removeEventListener('pointercancel', end)
      shape.remove()
      const to = this.at(ended)
      if (ended.type === 'pointerup' && to !== from) this.add(one, day.dataset.day, Math.min(from, to), Math.max(from, to))
    }
    this.svg.addEventListener('pointermove', move)
    this.svg.addEventListener('pointerup', end)
    this.svg.addEventListener('pointercancel', end)
  }

  // add gives the chosen series a stretch on a day, joined with those that it touches.
  add(one, day, from, until) {
    const { field, intervals } = this.read(one, this.chosen)
    const joined = []
    for (const [begins, ends] of [...intervals, [from, until]].sort(([a], [b]) => a - b)) {
      const last = joined.at(-1)
      if (last && begins <= last[1]) last[1] = Math.max(last[1], ends)
      else joined.push([begins, ends])
    }
    field('intervals').value = joined.map(([begins, ends]) => `${clock(begins)}-${clock(ends)}`).join(' ')
    const box = one.querySelector(`[name="opening.${this.chosen}.weekdays"][value="${day}"]`)
    box.checked = true
    this.form.dispatchEvent(new Event('input', { bubbles: true }))
  }
}

const start = () => {
  const form = document.querySelector('form[data-openings]:not([data-drawn])')
  if (!form) return
  form.dataset.drawn = ''
  new Week(form)
}

document.addEventListener('htmx:after:swap', start)
start()

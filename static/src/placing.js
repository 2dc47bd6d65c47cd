// Fields are placed on the pages of an official form: by dragging over the page, by arrow keys, or by
// writing their measures. The rows of the form hold all that is saved; the drawing follows them.
import { getDocument, GlobalWorkerOptions } from 'pdfjs-dist/legacy/build/pdf.mjs'

const near = 3 // points within which edges snap to those of other fields
const far = 10 // points that an arrow key with Shift moves
const least = 3 // points of a side
const kept = 100 // changes that can be undone
const parts = ['key', 'kind', 'page', 'x', 'y', 'width', 'height', 'size', 'cells', 'part', 'is']
const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }

const round = (value) => Math.round(value * 100) / 100
const within = (value, most) => Math.min(Math.max(value, 0), Math.max(0, most))

const svgNamed = (name, values = {}) => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(values)) made.setAttribute(key, value)
  return made
}

class Placing {
  constructor(form) {
    this.form = form
    this.sizes = JSON.parse(form.dataset.sizes)
    this.list = form.querySelector('.placing-list')
    this.holder = form.querySelector('.placing-rows')
    this.svg = form.querySelector('.placing-over')
    this.canvas = form.querySelector('canvas')
    this.wait = form.querySelector('.placing-wait')
    this.undoes = form.querySelector('[data-undo]')
    this.locked = this.list.disabled
    this.shapes = new Map()
    this.past = []
    this.page = 1
    this.now = this.snapshot()
    this.listen()
    this.turn(1)
    this.load()
  }

  listen() {
    for (const button of this.form.querySelectorAll('[data-turn]')) {
      button.addEventListener('click', () => this.turn(this.page + Number(button.dataset.turn)))
    }
    let resized
    new ResizeObserver(() => {
      clearTimeout(resized)
      resized = setTimeout(() => this.render(), 150)
    }).observe(this.svg)
    this.svg.addEventListener('focusin', ({ target }) => this.choose(this.rowOf(target)))
    if (this.locked) return
    this.undoes.addEventListener('click', () => this.undo())
    this.form.addEventListener('keydown', (event) => {
      const typing = event.target.matches('input:not([type="hidden"]), textarea, select')
      if ((event.ctrlKey || event.metaKey) && event.key === 'z' && !event.shiftKey && !typing) {
        event.preventDefault()
        this.undo()
      }
    })
    this.list.addEventListener('input', () => this.draw())
    this.list.addEventListener('change', () => this.changed())
    this.list.addEventListener('focusin', ({ target }) => this.choose(target.closest('.placed')))
    this.list.addEventListener('click', (event) => this.press(event))
    this.svg.addEventListener('pointerdown', (event) => this.begin(event))
    this.svg.addEventListener('keydown', (event) => this.key(event))
  }

  rows() { return [...this.holder.children] }

  input(row, part) { return row.querySelector(`[name$=".${part}"]`) }

  get(row, part) { return this.input(row, part).value }

  box(row) {
    const figure = (part) => Number(this.get(row, part)) || 0
    return { page: figure('page'), x: figure('x'), y: figure('y'), width: figure('width'), height: figure('height') }
  }

  // put moves a field, within its page.
  put(row, box) {
    const size = this.sizes[this.box(row).page - 1] ?? this.sizes[0]
    const width = Math.max(least, Math.min(box.width, size.width))
    const height = Math.max(least, Math.min(box.height, size.height))
    const fitting = { x: within(box.x, size.width - width), y: within(box.y, size.height - height), width, height }
    for (const [part, value] of Object.entries(fitting)) this.input(row, part).value = round(value)
    this.draw()
  }

  // add makes a row of its own.
  add(values) {
    const n = this.rows().length
    const row = this.list.querySelector('template').content.firstElementChild.cloneNode(true)
    this.holder.append(row)
    this.number(row, n)
    for (const [part, value] of Object.entries(values)) this.input(row, part).value = value
    return row
  }

  number(row, n) {
    row.dataset.row = n
    for (const each of row.querySelectorAll('[name], [id], [for]')) {
      for (const attribute of ['name', 'id', 'for', 'aria-describedby', 'value']) {
        const value = each.getAttribute(attribute)
        if (value?.includes('field.')) each.setAttribute(attribute, value.replace(/field\.(N|\d+)/, `field.${n}`))
      }
    }
  }

  renumber() {
    this.rows().forEach((row, n) => this.number(row, n))
    this.list.querySelector('[name="field.n"]').value = this.rows().length
    this.list.querySelector('.placing-none').hidden = this.rows().length > 0
  }

  snapshot() { return this.rows().map((row) => Object.fromEntries(parts.map((part) => [part, this.get(row, part)]))) }

  // changed notes a change, so that it can be undone and outlasts a sign-out.
  changed() {
    this.renumber()
    const now = this.snapshot()
    if (JSON.stringify(now) !== JSON.stringify(this.now)) {
      this.past = [...this.past, this.now].slice(-kept)
      this.now = now
    }
    this.undoes.disabled = this.past.length === 0
    this.draw()
    this.form.dispatchEvent(new Event('input', { bubbles: true }))
  }

  undo() {
    const before = this.past.pop()
    if (!before) return
    for (const row of this.rows().slice(before.length)) row.remove()
    before.forEach((values, n) => {
      const row = this.rows()[n] ?? this.add({})
      for (const [part, value] of Object.entries(values)) this.input(row, part).value = value
    })
    this.now = before
    this.changed()
  }

  press(event) {
    const button = event.target.closest('[data-add], [data-remove]')
    if (!button) return
    event.preventDefault()
    if (button.matches('[data-remove]')) {
      const row = button.closest('.placed')
      const next = row.nextElementSibling ?? row.previousElementSibling
      row.remove()
      this.changed()
      const to = next?.querySelector('summary') ?? this.list.querySelector('[data-add]')
      to.focus()
      return
    }
    const size = this.sizes[this.page - 1]
    const row = this.add({ ...this.fresh(), x: round(size.width / 2 - 100), y: round(size.height / 2), width: 200, height: 18 })
    this.changed()
    this.choose(row)
    this.input(row, 'key').focus()
  }

  // fresh is what a new field begins with.
  fresh() {
    const kind = this.form.querySelector('#new-kind').value
    return { key: this.form.querySelector('#new-key').value, kind, page: this.page, cells: kind === 'comb' ? 16 : '' }
  }

  choose(row) {
    if (!row) return
    const { page } = this.box(row)
    if (page !== this.page && this.sizes[page - 1]) this.turn(page)
    for (const each of this.rows()) each.open = each === row || each.contains(document.activeElement)
    this.chosen = row
    this.draw()
  }

  rowOf(target) {
    const shape = target.closest('.placed-box')
    return [...this.shapes].find(([, { g }]) => g === shape)?.[0]
  }

  turn(page) {
    if (!this.sizes[page - 1]) return
    this.page = page
    const { width, height } = this.sizes[page - 1]
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
    this.svg.parentElement.style.aspectRatio = `${width} / ${height}`
    this.form.querySelector('.placing-number').textContent = this.form.dataset.pageText.replace('%1', page).replace('%2', this.sizes.length)
    for (const button of this.form.querySelectorAll('[data-turn]')) {
      button.disabled = !this.sizes[page + Number(button.dataset.turn) - 1]
    }
    this.draw()
    this.render()
  }

  async load() {
    GlobalWorkerOptions.workerSrc = this.form.dataset.worker
    try {
      this.file = await getDocument({ url: this.form.dataset.file, isEvalSupported: false, useWasm: false }).promise
      await this.render()
    } catch {
      this.wait.textContent = this.form.dataset.fails
    }
  }

  // render draws the page; one at a time, the newest last.
  async render() {
    if (!this.file || !this.canvas.isConnected) return
    this.task?.cancel()
    const page = await this.file.getPage(this.page)
    const { width } = this.sizes[page.pageNumber - 1]
    const viewport = page.getViewport({ scale: this.svg.clientWidth * Math.min(window.devicePixelRatio, 2) / width })
    if (page.pageNumber !== this.page) return
    this.task?.cancel()
    this.canvas.width = Math.floor(viewport.width)
    this.canvas.height = Math.floor(viewport.height)
    this.task = page.render({ canvas: this.canvas, viewport })
    try {
      await this.task.promise
      this.wait.hidden = true
      this.form.dataset.shown = page.pageNumber
    } catch (error) {
      if (error?.name !== 'RenderingCancelledException') throw error
    }
  }

  // draw has the shapes on the page follow the rows.
  draw() {
    const rows = this.rows()
    for (const [row, { g }] of this.shapes) {
      if (!rows.includes(row) || this.box(row).page !== this.page) {
        g.remove()
        this.shapes.delete(row)
      }
    }
    for (const row of rows) {
      this.describe(row)
      if (this.box(row).page === this.page) this.drawBox(row)
    }
  }

  // describe says in a row's head what is in it, and shows what its kind has.
  describe(row) {
    const option = (part) => this.input(row, part).selectedOptions[0]?.textContent ?? ''
    const kind = this.get(row, 'kind')
    if (this.get(row, 'key')) row.querySelector('.placed-name').textContent = option('key')
    row.querySelector('.placed-where').textContent = `${this.get(row, 'page')} · ${option('kind')}`
    row.classList.toggle('chosen', row === this.chosen)
    for (const each of row.querySelectorAll('[data-for]')) each.hidden = !each.dataset.for.split(' ').includes(kind)
  }

  drawBox(row) {
    let shape = this.shapes.get(row)
    if (!shape) {
      shape = { g: svgNamed('g', { class: 'placed-box', tabindex: 0, role: 'button' }), rect: svgNamed('rect', { class: 'area' }), cells: svgNamed('path'), text: svgNamed('text'), handle: svgNamed('rect', { class: 'handle', width: 8, height: 8 }) }
      shape.g.append(shape.rect, shape.cells, shape.text)
      if (!this.locked) shape.g.append(shape.handle)
      this.shapes.set(row, shape)
      this.svg.append(shape.g)
    }
    const { x, y, width, height } = this.box(row)
    const name = row.querySelector('.placed-name').textContent
    shape.g.setAttribute('aria-label', `${name}, ${row.querySelector('.placed-where').textContent}`)
    shape.g.classList.toggle('chosen', row === this.chosen)
    for (const [key, value] of Object.entries({ x, y, width, height })) shape.rect.setAttribute(key, value)
    shape.text.setAttribute('x', x + 2)
    shape.text.setAttribute('y', y + height / 2)
    const room = Math.floor((width - 4) / 5.2)
    shape.text.textContent = this.get(row, 'kind') === 'check' ? '×' : name.slice(0, Math.max(0, room))
    const cells = Number(this.get(row, 'cells'))
    const comb = ['comb', 'date'].includes(this.get(row, 'kind')) && cells > 1
    shape.cells.setAttribute('d', comb ? Array.from({ length: cells - 1 }, (_, n) => `M${x + (n + 1) * width / cells} ${y}v${height}`).join('') : '')
    shape.handle.setAttribute('x', x + width - 4)
    shape.handle.setAttribute('y', y + height - 4)
  }

  at(event) {
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse())
    const { width, height } = this.sizes[this.page - 1]
    return { x: within(x, width), y: within(y, height) }
  }

  // begin follows a pointer that moves a field, changes its size or draws one.
  begin(event) {
    if (event.button !== 0) return
    event.preventDefault()
    const from = this.at(event)
    const resizes = event.target.matches('.handle')
    let row = this.rowOf(event.target)
    let before = row && this.box(row)
    if (row) {
      this.choose(row)
      this.shapes.get(row).g.focus({ preventScroll: true })
    }
    this.svg.setPointerCapture(event.pointerId)
    const move = (moved) => {
      const to = this.at(moved)
      if (!row) {
        if (Math.hypot(to.x - from.x, to.y - from.y) < least) return
        before = { page: this.page, x: from.x, y: from.y, width: 0, height: 0 }
        row = this.add({ ...this.fresh(), ...from, width: least, height: least })
        this.drawn = true
      }
      const dx = to.x - from.x
      const dy = to.y - from.y
      if (this.drawn) this.drawTo(row, from, this.snapped(row, to, moved))
      else if (resizes) {
        const corner = this.snapped(row, { x: before.x + before.width + dx, y: before.y + before.height + dy }, moved)
        this.put(row, { ...before, width: corner.x - before.x, height: corner.y - before.y })
      } else this.put(row, this.aligned(row, { ...before, x: before.x + dx, y: before.y + dy }, moved))
    }
    const end = () => {
      for (const [name, listener] of [['pointermove', move], ['pointerup', end], ['pointercancel', end]]) this.svg.removeEventListener(name, listener)
      this.guide()
      const drawn = this.drawn
      this.drawn = false
      if (!row) return
      this.changed()
      if (drawn) {
        this.choose(row)
        this.shapes.get(row)?.g.focus({ preventScroll: true })
      }
    }
    for (const [name, listener] of [['pointermove', move], ['pointerup', end], ['pointercancel', end]]) this.svg.addEventListener(name, listener)
  }

  drawTo(row, from, to) {
    this.put(row, { x: Math.min(from.x, to.x), y: Math.min(from.y, to.y), width: Math.abs(to.x - from.x), height: Math.abs(to.y - from.y) })
  }

  // edges are where the other fields of the page begin and end.
  edges(row) {
    const others = this.rows().filter((other) => other !== row && this.box(other).page === this.page).map((other) => this.box(other))
    return { x: others.flatMap(({ x, width }) => [x, x + width]), y: others.flatMap(({ y, height }) => [y, y + height]) }
  }

  // snapped moves a point to the nearest edges, unless Alt is held.
  snapped(row, point, { altKey }) {
    const edges = this.edges(row)
    const to = (axis) => (altKey ? undefined : edges[axis].find((edge) => Math.abs(edge - point[axis]) <= near))
    this.guide(to('x'), to('y'))
    return { x: to('x') ?? point.x, y: to('y') ?? point.y }
  }

  // aligned moves a box so that one of its edges stands on another's.
  aligned(row, box, { altKey }) {
    const edges = this.edges(row)
    const on = (axis, side) => (altKey ? undefined : edges[axis].find((edge) => Math.abs(edge - box[axis]) <= near || Math.abs(edge - box[axis] - box[side]) <= near))
    const step = (axis, side, edge) => {
      if (edge === undefined) return box[axis]
      return Math.abs(edge - box[axis]) <= near ? edge : edge - box[side]
    }
    const x = on('x', 'width')
    const y = on('y', 'height')
    this.guide(x, y)
    return { ...box, x: step('x', 'width', x), y: step('y', 'height', y) }
  }

  guide(x, y) {
    for (const line of this.svg.querySelectorAll('.guide')) line.remove()
    const { width, height } = this.sizes[this.page - 1]
    if (x !== undefined) this.svg.append(svgNamed('path', { class: 'guide', d: `M${x} 0v${height}` }))
    if (y !== undefined) this.svg.append(svgNamed('path', { class: 'guide', d: `M0 ${y}h${width}` }))
  }

  // key moves the field that has the focus by arrow keys, or takes it away.
  key(event) {
    const row = this.rowOf(event.target)
    if (!row) return
    if (event.key === 'Delete') {
      event.preventDefault()
      row.querySelector('[data-remove]').click()
    }
    const [dx, dy] = arrows[event.key] ?? [0, 0]
    if (!dx && !dy) return
    event.preventDefault()
    const step = event.shiftKey ? far : 1
    const box = this.box(row)
    if (event.altKey) this.put(row, { ...box, width: box.width + dx * step, height: box.height + dy * step })
    else this.put(row, { ...box, x: box.x + dx * step, y: box.y + dy * step })
    this.changed()
  }
}

export const place = (form) => new Placing(form)

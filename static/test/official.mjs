// An official form as a manager makes one: a file of two pages is uploaded, fields are dragged onto them, a
// test with invented data has them where they were dragged, and a version is published.
import { execFileSync } from 'node:child_process'
import { accessible, check, eventually, open, run } from './office.mjs'

// form is a file of an invented institution: a page upright and cropped, one that is turned on its side. more is of
// the first page.
function form(more = '') {
  const label = (x, y, text) => `BT /F1 11 Tf ${x} ${y} Td (${text}) Tj ET ${x + 110} ${y - 4} m ${x + 430} ${y - 4} l S\n`
  const first = `BT /F1 16 Tf 60 780 Td (Ente Inventato - Modulo di prova) Tj ET\n${label(60, 700, 'Cognome')}${label(60, 650, 'Codice fiscale')}${label(60, 600, 'Data di nascita')}`
  const second = `0 1 -1 0 595 0 cm\nBT /F1 16 Tf 60 520 Td (Seconda pagina) Tj ET\n${label(60, 450, 'Esperienze')}`
  const stream = (text) => `<</Length ${text.length}>>\nstream\n${text}\nendstream`
  const objects = [
    '<</Type /Catalog /Pages 2 0 R>>',
    '<</Type /Pages /Kids [3 0 R 4 0 R] /Count 2 /MediaBox [0 0 595 842] /Resources <</Font <</F1 7 0 R>>>>>>',
    `<</Type /Page /Parent 2 0 R /CropBox [20 30 575 822] /Contents 5 0 R${more}>>`,
    '<</Type /Page /Parent 2 0 R /Rotate 90 /Contents 6 0 R>>',
    stream(first), stream(second), '<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>',
  ]
  let file = '%PDF-1.4\n'
  let table = ''
  objects.forEach((object, n) => {
    table += `${String(file.length).padStart(10, '0')} 00000 n \n`
    file += `${n + 1} 0 obj\n${object}\nendobj\n`
  })
  return Buffer.from(`${file}xref\n0 8\n0000000000 65535 f \n${table}trailer\n<</Size 8 /Root 1 0 R>>\nstartxref\n${file.length}\n%%EOF\n`, 'latin1')
}

// words are the words of a document with where they stand, in points from the top left corner of their page.
function words(file) {
  const text = execFileSync('pdftotext', ['-bbox', '-', '-'], { input: file, encoding: 'utf8' })
  return text.split('<page ').slice(1).flatMap((page, n) => [...page.matchAll(/<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">(.*?)<\/word>/g)]
    .map(([, x, y, right, bottom, word]) => ({ page: n + 1, x: Number(x), y: Number(y), right: Number(right), bottom: Number(bottom), word })))
}

async function signIn(page) {
  await page.goto('/sign-in')
  await page.fill('#login', 'isernia.amministrazione')
  await page.fill('#password', process.env.PASSWORD)
  await page.click('main button')
  await page.waitForURL(/\/(desk|manage)/)
}

const shown = (page, n) => page.waitForFunction((number) => document.querySelector('[data-placing]')?.dataset.shown === String(number), n)

// drag draws a field of a kind, from a point of the page to another.
async function drag(page, key, kind, [x, y, width, height]) {
  await page.selectOption('#new-key', key)
  await page.selectOption('#new-kind', kind)
  await page.locator('.placing-over').scrollIntoViewIfNeeded()
  const at = await page.locator('.placing-over').evaluate((svg, points) => points.map(([px, py]) => {
    const { x: left, y: top } = new DOMPoint(px, py).matrixTransform(svg.getScreenCTM())
    return [left, top]
  }), [[x, y], [x + width, y + height]])
  await page.mouse.move(...at[0])
  await page.mouse.down()
  await page.mouse.move((at[0][0] + at[1][0]) / 2, (at[0][1] + at[1][1]) / 2)
  await page.mouse.move(...at[1])
  await page.mouse.up()
}

const row = (page, n, part) => page.locator(`[name="field.${n}.${part}"]`)
const box = async (page, n) => Promise.all(['x', 'y', 'width', 'height'].map(async (part) => Number(await row(page, n, part).inputValue())))
const tested = async (page, what) => {
  const entries = await page.evaluate(() => [...new FormData(document.querySelector('[data-placing]'))])
  const answer = await page.request.post(`${new URL(page.url()).pathname}/test`, {
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, data: new URLSearchParams([...entries, ['do', what]]).toString(),
  })
  if (!answer.ok()) throw new Error(`test: ${answer.status()} ${await answer.text()}`)
  check(answer.headers()['content-type'] === 'application/pdf', 'the test is a document')
  return answer.body()
}

await run(async (browser) => {
  const page = await open(browser, { viewport: { width: 1366, height: 900 }, locale: 'it-IT' })
  await signIn(page)
  await page.goto('/manage/forms')
  await accessible(page)
  await page.click('.head .btn-primary')
  await page.waitForSelector('#file')
  await accessible(page)

  // What cannot be taken is refused with its reason, and what was typed stays.
  await page.fill('#name', 'Modulo di prova')
  await page.fill('#key', 'mod-prova')
  for (const [name, file, why] of [
    ['rotto.pdf', form().subarray(0, 900), 'rovinato'],
    ['lettera.pdf', Buffer.from('Gentile ente'), 'non è un PDF'],
    ['vuoto.pdf', Buffer.alloc(0), 'vuoto'],
    ['grande.pdf', Buffer.concat([form(), Buffer.alloc(5 << 20)]), 'troppo grande'],
    ['script.pdf', form(' /AA <</O <</S /JavaScript /JS (app.alert\\(1\\))>>>>'), 'JavaScript'],
  ]) {
    await page.setInputFiles('#file', { name, mimeType: 'application/pdf', buffer: file })
    await page.click('form[enctype] .btn-primary')
    await page.waitForSelector('#refused')
    check((await page.textContent('#refused')).includes(why), `${name} is refused: ${(await page.textContent('#refused')).trim().slice(0, 60)}`)
  }
  await accessible(page)
  check(await page.inputValue('#name') === 'Modulo di prova', 'what was typed stays')
  await page.fill('#legal', 'norma inventata, mod. 1/2026')
  await page.setInputFiles('#file', { name: 'modulo.pdf', mimeType: 'application/pdf', buffer: form() })
  await page.click('form[enctype] .btn-primary')
  await page.waitForSelector('#done')

  // The page is drawn, and four fields are dragged onto it and the next.
  await shown(page, 1)
  const ink = await page.locator('.placing-sheet canvas').evaluate((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    let dark = 0
    for (let at = 0; at < data.length; at += 4) dark += data[at + 3] > 0 && data[at] < 128
    return dark
  })
  check(ink > 500, `the browser draws the page: ${ink} dark points`)
  await accessible(page)
  const places = [
    ['cognome', 'text', [150, 104, 300, 20]],
    ['codice_fiscale', 'comb', [150, 154, 320, 20]],
    ['data_nascita', 'date', [150, 204, 120, 20]],
    ['esperienze', 'text', [170, 110, 400, 50]],
  ]
  for (const [n, [key, kind, place]] of places.entries()) {
    if (n === 3) {
      await page.click('[data-turn="1"]')
      await shown(page, 2)
    }
    await drag(page, key, kind, place)
    const got = await box(page, n)
    check(got.every((value, at) => Math.abs(value - place[at]) < 1), `${key} lies where it was dragged: ${got}`)
  }
  check(await row(page, 3, 'page').inputValue() === '2', 'the fourth is on the second page')

  // Without a pointer: arrows move the chosen field, and undo takes that back.
  await page.locator('.placed-box').focus()
  const before = await box(page, 3)
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('Shift+ArrowDown')
  await page.keyboard.press('Alt+ArrowRight')
  const moved = await box(page, 3)
  check(Math.abs(moved[0] - before[0] - 1) < 0.01 && Math.abs(moved[1] - before[1] - 10) < 0.01 && Math.abs(moved[2] - before[2] - 1) < 0.01, `arrows move it: ${moved}`)
  for (let n = 0; n < 3; n++) await page.click('[data-undo]')
  check((await box(page, 3)).join() === before.join(), 'undo takes it back')
  await page.click('[data-add]')
  check(await page.inputValue('[name="field.n"]') === '5', 'a field is added by the keyboard')
  await page.click('[data-row="4"] [data-remove]')
  check(await page.inputValue('[name="field.n"]') === '4', 'and taken away')
  await accessible(page)

  // A test with invented data, not yet saved: the text stands where it was dragged.
  const all = words(await tested(page, 'test'))
  const word = (text, n) => all.find((each) => each.word === text && each.page === n && each.x > 100)
  for (const [text, n, x, y, height] of [['Cognome', 1, 150, 104, 20], ['01/02/1980', 1, 150, 204, 20]]) {
    const found = word(text, n)
    check(found && Math.abs(found.x - x) <= 1 && Math.abs((found.y + found.bottom) / 2 - y - height / 2) <= 3, `${text} stands at ${JSON.stringify(found)}`)
  }
  'PRVNTN80A41H501X'.split('').forEach((letter, n) => {
    const middle = 150 + (n + 0.5) * 20
    check(all.some((each) => each.word === letter && each.page === 1 && Math.abs((each.x + each.right) / 2 - middle) <= 1), `${letter} stands in the middle of cell ${n + 1}`)
  })
  check(all.some(({ page: n, x }) => n === 2 && Math.abs(x - 170) <= 1), 'the second page is filled in')
  check(all.some(({ word: text, page: n, y }) => text === 'Seconda' && n === 2 && y < 100), 'and stands upright')
  const long = words(await tested(page, 'long'))
  check(long.some(({ page: n, word: text }) => n === 3 && text === 'Foglio'), 'what does not fit goes to an extra sheet')

  await page.click('button[value="save"]')
  await page.waitForSelector('#done')

  // Two managers at one form: the second is told, and keeps what was typed.
  const other = await open(browser, { viewport: { width: 1024, height: 768 }, locale: 'it-IT' })
  await signIn(other)
  await other.goto(page.url())
  await shown(other, 1)
  await accessible(other)
  await page.fill('#legal', 'norma inventata, mod. 2/2026')
  await page.click('button[value="save"]')
  await page.waitForSelector('#done')
  await other.fill('#legal', 'norma inventata, mod. 3/2026')
  await other.click('button[value="save"]')
  await other.waitForSelector('#refused')
  check((await other.textContent('main')).includes('mod. 2/2026') && await other.inputValue('#legal') === 'norma inventata, mod. 3/2026', 'the second manager is told')

  await page.click('a[href$="/publish"]')
  await page.waitForURL(/publish$/)
  await accessible(page)
  await page.click('main form .btn-primary')
  await page.waitForSelector('#done')
  await shown(page, 1)
  check(await page.locator('.head .state-success').count() === 1, 'the form is published')
  check(await page.locator('#fields').evaluate((fields) => fields.disabled), 'and is not changed any more')
  await accessible(page)
  await other.click('button[value="save"]')
  await other.waitForSelector('#refused')
  check((await other.textContent('#refused')).includes('non si cambia più'), 'nor by who had it open')
  await page.click('form[action$="/copy"] button')
  await eventually(async () => await page.locator('.head .state-warning').count() === 1, 'a new version is a draft again')
  await shown(page, 1)
  check(await page.inputValue('[name="field.n"]') === '4', 'and a copy')
  for (const each of [page, other]) check(each.faults.length === 0, `nothing was refused: ${each.faults}`)
})

// Tells a reader of codes, which is a keyboard too, from somebody who types: by how fast its keys come, and
// that Enter or Tab ends them. It knows neither page nor clock: whoever uses it says which key came when,
// in milliseconds.
export const gap = 300 // without another key, after which what was typed has ended
export const settle = 120 // after an end, in which the next track of a stripe comes
const burst = 80 // from key to key on average: hands are slower
const noticed = 3 // letters from which on it may be a reader
const shortest = 6
const unended = 11 // letters that are a code without an end, where nobody can be typing

// What is to become of a key.
export const pass = 'pass' // it is not a reader's
export const keep = 'keep' // it may be, or is: nobody else gets it
export const back = 'back' // what was kept was typed after all: give it back, and offer the key again
export const end = 'end' // a code has ended

export function reader() {
  let text = ''
  let times = [] // of the letters of text
  let done = false
  let ended = -Infinity

  const fast = (all = times) => all.length >= noticed && all.at(-1) - all[0] <= burst * (all.length - 1)

  function letter(name, at) {
    const kept = done || fast([...times, at])
    if (!kept && fast()) return back
    text += name
    times.push(at)
    if (kept) return keep
    if (times.length >= noticed) drop()
    return pass
  }

  // drop forgets the oldest letter: the next ones may be the first of a code.
  function drop() {
    text = text.slice(1)
    times.shift()
  }

  function terminator(at) {
    if (!done && at - ended <= gap) return keep // readers that end twice
    if (!done && !fast()) {
      take()
      return pass
    }
    if (!done && text.length < shortest) return back
    done = true
    ended = at
    text += '\n'
    return end
  }

  function take() {
    const taken = text
    text = ''
    times = []
    done = false
    return taken
  }

  return {
    // key says what is to become of a key by its name.
    key(name, at) {
      if (name === 'Enter' || name === 'Tab') return terminator(at)
      return [...name].length === 1 ? letter(name, at) : pass
    },
    // take returns what was kept, and begins anew.
    take,
    // late reports whether what was typed had ended before an instant.
    late: (at) => times.length > 0 && at - times.at(-1) > gap,
    held: () => done || fast(),
    // code reports whether what was kept is one; typing says whether somebody could be typing it.
    code: (typing) => done || (!typing && fast() && text.length >= unended),
  }
}

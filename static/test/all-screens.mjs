// Looks at every screen of a kiosk, hung either way, in every language and mode: nothing scrolls, everything can be
// touched, and axe finds nothing.
import assert from 'node:assert/strict'
import { begin, inBothViews, joint, lying, onwards, ours, perform, toBooked, toNumber, touch, upright } from './citizen.mjs'
import { fits, violations } from './office.mjs'

const { BASE } = process.env

const tests = {
  async 'every page is sound, in every language and mode'() {
    const addresses = ['/kiosk?', '/kiosk/needs?', '/kiosk/needs?book=1&', '/kiosk/services?need=lavoro-perso&book=1&', `${joint}&`, '/kiosk/arrive?', '/kiosk/services?need=lavoro-perso&', '/kiosk/services?need=lavoro-perso&page=2&', '/kiosk/services?need=documenti&',
      '/kiosk/search?', '/kiosk/search?q=rei&', '/kiosk/search?q=lavoro&', '/kiosk/service?id=CPI-PATTO&', '/kiosk/service?id=HIS-REI&', '/kiosk/service?id=COM-ANAG&', '/kiosk/ticket?id=none&']
    const ticket = await begin()
    await toNumber(ticket)
    const state = new URL(await ticket.locator('#live').getAttribute('data-address'), BASE)
    addresses.push(`/kiosk/ticket?id=${state.searchParams.get('id')}&`)
    await ticket.close()
    const wanted = []
    for (const language of ['it', 'en', 'ro', 'ar', 'uk', 'es', 'fr', 'sq', 'zh']) {
      for (const modes of ['it', 'ar', 'uk', 'fr'].includes(language) ? ['', '&large=1&contrast=1', '&low=1', '&large=1&low=1'] : ['']) {
        for (const address of addresses) {
          const list = modes.includes('low') && address.includes('q=') ? '&list=1' : ''
          wanted.push({ language, low: modes.includes('low'), address, path: `${address}lang=${language}${modes}${list}` })
        }
      }
    }
    const faults = []
    await inBothViews(async (page, viewport) => {
      let loaded
      for (const { language, low, address, path } of wanted) {
        if (low && viewport === lying && !address.includes('search')) continue // as without
        if (loaded === language) await touch(page, path)
        else await page.goto(`${BASE}${path}`)
        loaded = language
        const found = await fits(page)
        if (['it', 'ar'].includes(language) && !low && viewport === upright) found.push(...await violations(page))
        faults.push(...found.map((fault) => `${viewport.width} ${path}: ${fault}`))
      }
    })
    if (faults.length) throw new Error(faults.join('\n'))
  },

  async 'every step of booking is sound, in either view and mode'() {
    const faults = []
    await inBothViews(async (page, viewport) => {
      if (viewport === lying) return // a kiosk holds one time at a time
      for (const size of [upright, lying]) {
        await page.setViewportSize(size)
        for (const language of ['it', 'ar', 'ro']) {
          for (const modes of ['', '&large=1&contrast=1', '&low=1', '&large=1&low=1']) {
            const look = async (step) => {
              const found = await fits(page)
              if (!modes || modes.includes('contrast')) found.push(...await violations(page))
              faults.push(...found.map((fault) => `${size.width} ${language}${modes} ${step}: ${fault}`))
            }
            await page.goto(`${BASE}${joint}&lang=${language}${modes}`)
            await page.locator('.choices-days a').last().tap()
            await page.locator('.time').first().waitFor()
            await look('times')
            await page.locator('.time').first().tap()
            await page.locator('.people').waitFor()
            await look('people')
            await page.locator('.people button').first().tap()
            await page.locator('#name').waitFor()
            await look('name')
            await page.locator('[data-to-layer="accents"]').tap()
            await look('accents')
            await page.keyboard.type('Prova Inventata')
            await onwards(page)
            await page.locator('#email').waitFor()
            await look('mail')
            await ours(page, '[data-to-field="phone"]').tap()
            await page.keyboard.type('1')
            await look('phone')
            await onwards(page)
            await page.locator('#phone-wrong').waitFor()
            await look('wrong')
            await page.locator('#phone').fill('')
            await onwards(page)
            await page.locator('.facts').waitFor()
            await look('review')
          }
        }
        await toBooked(page)
        await page.getByText('Prendi la ricevuta.').waitFor()
        faults.push(...[...await fits(page), ...await violations(page)].map((fault) => `${size.width} booked: ${fault}`))
      }
    })
    if (faults.length) throw new Error(faults.join('\n'))
  },

  async 'what lies over a page is sound'() {
    await inBothViews(async (page, viewport) => {
      for (const language of ['it', 'ar', 'uk', 'fr']) {
        for (const sheet of ['languages', 'help', 'precedence']) {
          await page.goto(`${BASE}/kiosk/services?need=lavoro-perso&lang=${language}`)
          await page.locator(`[commandfor="${sheet}"][command="show-modal"]`).first().tap()
          assert.deepEqual([...await fits(page), ...await violations(page)], [], `${viewport.width}: ${sheet} ${language}`)
        }
      }
    })
  },
}

await perform(tests)

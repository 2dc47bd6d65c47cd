// Builds src/ into dist/: bundled, minified, named by content hash, gzipped beside the original,
// and listed in dist/manifest.json as {"lobby.css": "lobby-AB12CD34.css", …}, which Go embeds.
import { createHash } from 'node:crypto'
import { readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import esbuild from 'esbuild'
import subsetFont from 'subset-font'

const dist = 'dist'
const surfaces = ['lobby', 'board', 'phone', 'desk', 'diary', 'public', 'manage']
const scripts = ['cyrillic', 'arabic', 'chinese']

// subsets resolves "subset:KIND:LANGUAGE:FILE" in a style sheet to the letters of a whole font, a
// file of a @fontsource package, that KIND of text needs: "name", what speakers of LANGUAGE call it;
// "catalogue", all its messages.
const subsets = {
  name: 'subsets',
  setup(build) {
    build.onResolve({ filter: /^subset:/ }, ({ path }) => {
      const [, kind, language, file] = path.split(':')
      return { path: `${kind}-${language}-${basename(file)}`, namespace: 'subset', pluginData: { kind, language, file } }
    })
    build.onLoad({ filter: /.*/, namespace: 'subset' }, async ({ pluginData: { kind, language, file } }) => {
      const whole = await readFile(join('node_modules/@fontsource', file))
      const letters = kind === 'name' ? await ownName(language) : await catalogue(language)
      return { contents: await subsetFont(whole, letters, { targetFormat: 'woff2' }), loader: 'file' }
    })
  },
}

// catalogue returns the text of every message file of language, and of the demonstrations, whose
// menus are in every language too.
async function catalogue(language) {
  const demo = '../booking/territory/demo'
  const files = [
    ...(await readdir('messages')).filter((name) => name.endsWith(`.${language}.toml`)).sort().map((name) => join('messages', name)),
    ...(await readdir(demo)).sort().map((name) => join(demo, name)),
  ]
  return (await Promise.all(files.map((name) => readFile(name, 'utf8')))).join('')
}

async function ownName(language) {
  const match = (await catalogue(language)).match(/^"language\.own" = "(.+)"$/m)
  if (!match) throw new Error(`messages of ${language}: no "language.own"`)
  return match[1]
}

// leanVendorCSS drops the woff fallbacks no supported browser asks for, and the video player's
// icon font, whose data: address the content security policy refuses.
const leanVendorCSS = {
  name: 'lean-vendor-css',
  setup(build) {
    build.onLoad({ filter: /@fontsource[\\/].*\.css$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replace(/, url\([^)]*\.woff\) format\('woff'\)/g, ''),
      loader: 'css',
    }))
    build.onLoad({ filter: /bootstrap-italia\.min\.css$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replace(/@font-face\{[^}]*\}/g, ''),
      loader: 'css',
    }))
  },
}

// licences returns the licence texts of everything that is shipped, which those licences ask for.
async function licences() {
  const { dependencies } = JSON.parse(await readFile('package.json', 'utf8'))
  const tools = new Set(['esbuild', 'subset-font'])
  const texts = Object.keys(dependencies).filter((name) => !tools.has(name)).map(async (name) => {
    const folder = join('node_modules', name)
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry))
    if (!file) throw new Error(`${name}: no licence file`)
    return `${name} ${dependencies[name]}\n\n${(await readFile(join(folder, file), 'utf8')).trim()}\n`
  })
  return (await Promise.all(texts)).join(`\n${'-'.repeat(80)}\n\n`)
}

// clean removes what earlier builds left. It comes last, so that whoever compiles meanwhile finds a
// whole set of files.
async function clean(manifest) {
  const kept = new Set(['.gitkeep', 'manifest.json', ...Object.values(manifest).flatMap((name) => [name, `${name}.gz`])])
  const old = (await readdir(dist)).filter((name) => !kept.has(name))
  await Promise.all(old.map((name) => rm(join(dist, name), { recursive: true, force: true })))
}

const { metafile } = await esbuild.build({
  entryPoints: [
    ...surfaces.flatMap((name) => [`src/${name}.js`, `src/${name}.css`]),
    ...scripts.map((name) => `src/script-${name}.css`),
    'src/placing.js',
    { in: 'node_modules/pdfjs-dist/legacy/build/pdf.worker.mjs', out: 'pdf-worker' },
    { in: 'node_modules/bootstrap-italia/dist/svg/sprites.svg', out: 'sprites' },
  ].map((entry) => (typeof entry === 'string' ? { in: entry, out: basename(entry).replace(/\.\w+$/, '') } : entry)),
  outdir: dist,
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['chrome109', 'firefox115', 'safari16'],
  entryNames: '[name]-[hash]',
  assetNames: '[name]-[hash]',
  loader: { '.woff2': 'file', '.svg': 'copy' },
  legalComments: 'none', // the full texts are in licences.txt
  metafile: true,
  plugins: [subsets, leanVendorCSS],
  logLevel: 'warning',
})

const manifest = {}
for (const path of Object.keys(metafile.outputs)) {
  const hashed = basename(path)
  manifest[hashed.replace(/-[A-Z0-9]{8}(?=\.\w+$)/, '')] = hashed
}

const licenceText = await licences()
const licenceHash = createHash('sha256').update(licenceText).digest('hex').slice(0, 8).toUpperCase()
manifest['licences.txt'] = `licences-${licenceHash}.txt`
await writeFile(join(dist, manifest['licences.txt']), licenceText)

for (const name of Object.values(manifest)) {
  if (name.endsWith('.woff2')) continue
  await writeFile(join(dist, `${name}.gz`), gzipSync(await readFile(join(dist, name)), { level: 9 }))
}
const sorted = Object.fromEntries(Object.entries(manifest).sort(([a], [b]) => (a < b ? -1 : 1)))
await writeFile(join(dist, 'manifest.json'), `${JSON.stringify(sorted, null, 1)}\n`)
await clean(manifest)

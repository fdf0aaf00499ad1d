#!/usr/bin/env node
// Text libraries beside capstan, on recorded sessions, in one run: README.md.
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { names } from './libraries.mjs'

const here = path.dirname(new URL(import.meta.url).pathname)
const sessions = {
  'automerge-paper': 'sequential/automerge-paper.json.gz',
  friendsforever: 'concurrent/friendsforever.json.gz',
}

const { values: options } = parseArgs({
  options: {
    capstan: { type: 'string', default: path.join(here, '../../../build/release/bin/capstan') },
    data: { type: 'string', default: process.env.CAPSTAN_DATA ?? '' },
    libraries: { type: 'string', default: names.join(',') },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '600' },
  },
})
const rounds = Number(options.rounds)
if (!options.data) stop('say where the recorded sessions are: --data DIR or CAPSTAN_DATA')
if (!fs.existsSync(path.join(here, 'node_modules'))) stop(`install the libraries: npm ci --prefix ${here}`)

function stop(why) {
  console.error(why)
  process.exit(2)
}

const median = numbers => numbers.sort((x, y) => x - y)[numbers.length >> 1]

/** Median over the rounds, one process each; or why there is none. */
function sampled(library, file) {
  const samples = []
  for (let round = 0; round < rounds; ++round) {
    const run = spawnSync(process.execPath, ['--expose-gc', path.join(here, 'sample.mjs'), library, file], {
      encoding: 'utf8',
      timeout: Number(options.seconds) * 1000,
    })
    if (run.status !== 0) return { failed: run.error?.code ?? run.stderr.split('\n').find(line => /Error/.test(line)) }
    samples.push(JSON.parse(run.stdout))
  }
  return { ...samples[0], ms: median(samples.map(sample => sample.ms)) }
}

const figures = JSON.parse(
  execFileSync(options.capstan, ['bench', 'reconcile', '--sessions', '--rounds', String(Math.max(5, rounds)), '-q', '-o', 'json'], {
    encoding: 'utf8',
    env: { ...process.env, CAPSTAN_DATA: options.data },
  }),
)
const figure = (session, of) => figures.find(each => each.figure.startsWith(`${session} in runs`) && each.figure.endsWith(of))?.median

console.log(['session', 'library', 'ms', 'x capstan', 'history, bytes', 'single messages, bytes'].join('\t'))
for (const [session, file] of Object.entries(sessions)) {
  const own = figure(session, 'events')
  console.log([session, 'capstan', own.toFixed(2), '1.0', figure(session, 'bytes of its tape'), figure(session, 'bytes of its events')].join('\t'))
  for (const library of options.libraries.split(',')) {
    const peer = sampled(library, path.join(options.data, 'editing-traces', file))
    console.log(
      peer.failed !== undefined
        ? [session, library, peer.failed].join('\t')
        : [session, library, peer.ms.toFixed(2), (peer.ms / own).toFixed(1), peer.bytes, peer.singles].join('\t'),
    )
  }
}

// Recorded editing sessions, in the order in which they were written down.
import fs from 'node:fs'
import zlib from 'node:zlib'

/**
 * Returns { end, authors, turns: [{ author, hears, edits }] }: before a turn its author has to hear
 * the turns of others that it names, by number.
 */
export function readSession(file) {
  const trace = JSON.parse(zlib.gunzipSync(fs.readFileSync(file)))
  if (trace.kind !== 'concurrent') {
    const turns = trace.txns.map(turn => ({ author: 0, hears: [], edits: turn.patches }))
    return { end: trace.endContent, authors: 1, turns }
  }
  return { end: trace.endContent, authors: trace.numAgents, turns: turnsOf(trace) }
}

/** What a turn's parents stand for: how many turns of each author are in its past. */
function turnsOf(trace) {
  const none = () => new Array(trace.numAgents).fill(0)
  const of = Array.from({ length: trace.numAgents }, () => []) // by author: numbers of its turns
  const heard = Array.from({ length: trace.numAgents }, none)
  const pasts = []
  return trace.txns.map((turn, number) => {
    const past = none()
    for (const parent of turn.parents) pasts[parent].forEach((n, i) => { past[i] = Math.max(past[i], n) })
    const hears = []
    past.forEach((n, other) => {
      if (other !== turn.agent) hears.push(...of[other].slice(heard[turn.agent][other], n))
      heard[turn.agent][other] = Math.max(heard[turn.agent][other], n)
    })
    of[turn.agent].push(number)
    past[turn.agent] = of[turn.agent].length
    pasts.push(past)
    return { author: turn.agent, hears: hears.sort((x, y) => x - y), edits: turn.patches }
  })
}

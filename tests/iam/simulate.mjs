// Reads simulations from a file and prints the outcome of each, in their order:
// Allowed, ImplicitlyDenied, ExplicitlyDenied, or what is wrong with the question.
import { readFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const outcomes = []
for (const simulation of JSON.parse(readFileSync(process.argv[2], 'utf8'))) {
  const answer = await runSimulation(simulation, {})
  outcomes.push(answer.resultType === 'error' ? 'error: ' + JSON.stringify(answer.errors) : answer.overallResult)
}
console.log(JSON.stringify(outcomes))

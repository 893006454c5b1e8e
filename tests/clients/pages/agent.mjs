// A client of the page of `agent`, as its reader would write it: it obeys `Retry-After` where it asked too often.
const [base, jobId, pace, patience] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${process.env.TOKEN}` };
const sleep = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

async function poll() {
  const began = Date.now();
  while (Date.now() - began < patience * 1000) {
    const answer = await fetch(`${base}/api/agent/jobs/${jobId}`, { headers });
    if (answer.status === 429) {
      await sleep(Number(answer.headers.get("Retry-After")));
      continue;
    }
    if (answer.status === 404) return { gone: true };
    if (!answer.ok) throw new Error(answer.statusText);
    const { data } = await answer.json();
    console.log(JSON.stringify(data.status));
    if (data.status === "completed") return { result: data.analysisId };
    if (data.status === "failed") return { error: [data.errorCode, data.error] };
    await sleep(1 * pace);
  }
  return { waiting: true };
}

console.log(JSON.stringify(await poll()));

// A client of the page of `record`, as its reader would write it.
const [base, jobId, pace, patience] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${process.env.TOKEN}` };
const sleep = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

async function poll() {
  const began = Date.now();
  while (Date.now() - began < patience * 1000) {
    const answer = await fetch(`${base}/api/jobs/${jobId}`, { headers });
    if (answer.status === 404) return { gone: true };
    if (!answer.ok) throw new Error(answer.statusText);
    const { status, result, error } = await answer.json();
    console.log(JSON.stringify(status));
    if (status === "COMPLETED") return { result };
    if (status === "FAILED") return { error };
    await sleep(3 * pace);
  }
  return { waiting: true };
}

console.log(JSON.stringify(await poll()));

// A client of the page of `plain`, as its reader would write it. It asks for no token: the page names none.
const [base, jobId, pace, patience] = process.argv.slice(2);
const sleep = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

async function poll() {
  const began = Date.now();
  while (Date.now() - began < patience * 1000) {
    const answer = await fetch(`${base}/job_status?job_id=${jobId}`);
    const { status, result, error } = await answer.json();
    console.log(JSON.stringify(status));
    if (status === null) return { gone: true };
    if (status === "finished") return { result };
    if (status === "failed") return { error };
    await sleep(2 * pace);
  }
  return { waiting: true };
}

console.log(JSON.stringify(await poll()));

"""Ray as the place where long jobs are done.

The row of a job stays what is true of it. `dispatcher` hands jobs that wait over to Ray, by a
process (`link`, `__main__`) that alone loads its library; on a node, `node` is a worker that takes
exactly one job. Whatever of it dies, the lease of the row ends, and the job is handed over again;
`ledger` keeps the rows true meanwhile, and counts what has ended.
`examination` asks the nodes what they are and reach (`looking`), for the doctor.
A training may have processes on other nodes besides (`machines`, `trials`, `trial_actor`).
"""

"""What a job will be, before anything is sent: what runs where, what it costs, and whether the platform takes it.

`ml.plan.plan.make_plan` looks at everything; `ml.plan.cost.job_cost` alone needs no call of AWS but the contract's.
"""

"""What runs the code: the device and its arithmetic, several processes, GPUs handed out to jobs.

Modules are imported by name (`proxylab.machine.device`): what starts a job does without torch.
"""

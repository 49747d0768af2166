"""Two processes train one encoder together: the weights of one process that has it all, but for rounding."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from small_nets import Small, noise_crops  # noqa: E402
from torch import nn  # noqa: E402

from radiofuse.deep.pictures import crops_as_pictures  # noqa: E402
from radiofuse.deep.training import ranks  # noqa: E402
from radiofuse.deep.training.loop import train_encoder  # noqa: E402
from radiofuse.deep.training.losses import Batch  # noqa: E402
from radiofuse.deep.training.options import Training  # noqa: E402
from radiofuse.errors import RequestError  # noqa: E402

TRAINING = Training(
    epochs=3, batch_size=6, learning_rate=0.05, optimizer="sgd", balance="weights", mixup=0.4, validation=0.3
)


class Unnormalized(Small):
    """Batch normalization would see half a step in each process; another layer takes no part in the answer."""

    def __init__(self):
        super().__init__()
        self.norm, self.drop, self.idle = nn.Identity(), nn.Identity(), nn.Linear(2, 2)


def trained(**options) -> tuple[nn.Module, dict]:
    with torch.random.fork_rng([]):
        torch.manual_seed(ranks.rank())  # other weights in each process, until the first one's are everybody's
        module, crops = Unnormalized(), noise_crops(22)
    rows = {name: crops[name] for name in ("counts", "labels", "groups")}
    pictures = crops_as_pictures(crops["images"], crops["counts"])
    history = train_encoder(module, pictures, **rows, training=TRAINING, seed=1, device="cpu", **options)
    return module, vars(history)


ONE_OF_TWO = """
import json, sys; sys.path.append('..')
import torch, test_ranks as t
rank, folder = int(sys.argv[1]), sys.argv[2]
torch.distributed.init_process_group('gloo', f'file://{folder}/meeting', rank=rank, world_size=2)
module, history = t.trained(checkpoint=t.Path(folder, f'checkpoint{rank}'), checkpoint_every_s=0)
torch.save(module.state_dict(), f'{folder}/{rank}.pt')
print(json.dumps(history))
torch.distributed.destroy_process_group()
"""


def test_two_processes_train_the_encoder_of_one(tmp_path):
    commands = [[sys.executable, "-c", ONE_OF_TWO, str(rank), str(tmp_path)] for rank in range(2)]
    here = {"cwd": Path(__file__).parent, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **here) for command in commands]
    try:
        module, history = trained()
        histories = [json.loads(process.communicate(timeout=120)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert histories[0] == histories[1]
    for name in ("losses", "validation_losses", "validation_aucs"):
        assert histories[0][name] == pytest.approx(history[name], rel=1e-4)
    both = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    for name, tensor in module.state_dict().items():
        assert torch.equal(both[0][name], both[1][name])
        torch.testing.assert_close(both[0][name], tensor, rtol=1e-3, atol=1e-5)
    assert not list(tmp_path.glob("checkpoint*"))


def test_a_step_is_shared_out_and_each_process_draws_for_itself(monkeypatch):
    batch = Batch(torch.arange(5.0), torch.arange(5))
    assert ranks.own_part(batch).labels.tolist() == [0, 1, 2, 3, 4]
    assert (ranks.n_ranks(), ranks.rank()) == (1, 0)
    drawn, parts = [], []
    monkeypatch.setattr(ranks, "n_ranks", lambda: 2)
    with torch.random.fork_rng([]):
        for rank in (0, 1, 1):
            monkeypatch.setattr(ranks, "rank", lambda rank=rank: rank)
            ranks.chance_of_rank(3, 7)
            drawn.append(torch.rand(1).item())
            parts.append(ranks.own_part(batch).labels.tolist())
    assert parts[:2] == [[0, 1, 2], [3, 4]]
    assert drawn[0] != drawn[1] == drawn[2]
    monkeypatch.setattr(ranks, "n_ranks", lambda: 6)
    with pytest.raises(RequestError, match="A step has 5 pictures, and 6 processes train together"):
        ranks.own_part(batch)


def test_alone_nothing_is_reseeded_or_sent():
    before = torch.get_rng_state()
    ranks.chance_of_rank(3, 7)
    assert torch.equal(torch.get_rng_state(), before)
    assert ranks.as_first((0.5, np.inf), torch.device("cpu")) == (0.5, np.inf)

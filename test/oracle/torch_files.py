"""Files of torch.save in both layouts, with the tensors in them as safetensors: test/fixtures/oracle/torch-files.

Run: python3 test/oracle/torch_files.py
Needs torch and safetensors; the files it writes are committed.
"""
import collections
import os

import torch

from common import OUT, folder, save_file


def main():
    path = folder("torch-files", "")
    g = torch.Generator().manual_seed(5)
    base = torch.randn(6, 5, generator=g)
    tensors = collections.OrderedDict(
        plain=base.clone(), half=base.half(), brain=base.bfloat16(), double=base.double(), long=torch.arange(-3, 4),
        int=torch.arange(5, dtype=torch.int32), byte=torch.arange(3, dtype=torch.uint8), bool=torch.tensor([True, False]),
        parameter=torch.nn.Parameter(base[:2].clone()), scalar=torch.tensor(1.5), empty=torch.zeros(0, 3),
        turned=base.t(), part=base[1:4, 2:4], steps=base[::2], row=base[3], cube=torch.randn(2, 3, 4, generator=g).permute(2, 0, 1),
        shared=base,
    )
    tensors._metadata = collections.OrderedDict({"": {"version": 1}})
    torch.save(tensors, os.path.join(path, "new.bin"))
    torch.save(tensors, os.path.join(path, "old.bin"), _use_new_zipfile_serialization=False)
    torch.save(dict(tensors), os.path.join(path, "plain-dict.bin"), pickle_protocol=4)
    save_file({k: v.detach().clone().contiguous() for k, v in tensors.items()}, os.path.join(path, "expected.safetensors"))


main()

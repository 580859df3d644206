import torch
from support import make_trainer


def test_the_generator_looks_at_pet_alone(tiny_dataset):
    generator = make_trainer("nnUNetTrainerMuDuoPromptGenerator")
    generator.initialize()
    generator.network.eval()
    images = torch.randn(1, 2, 32, 32, 32)
    other_ct, other_pet = images.clone(), images.clone()
    other_ct[:, 0] += 1
    other_pet[:, 1] *= -1
    with torch.no_grad():
        answers = [generator.network(x)[0] for x in (images, other_ct, other_pet)]
    assert torch.equal(answers[0], answers[1])
    assert not torch.equal(answers[0], answers[2])
    first_weights = next(iter(generator.network.state_dict().values()))
    assert first_weights.shape[1] == 1

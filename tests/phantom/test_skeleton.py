from scipy.ndimage import binary_dilation


def test_the_lungs_are_ringed_by_ribs(studies, labels):
    for images in studies:
        lungs = images["SEG"] == labels["lungs"]
        around = binary_dilation(lungs, iterations=2) & (images["SEG"] == 0)
        assert 0.03 < (images["CTres"][around] > 150).mean() < 0.6

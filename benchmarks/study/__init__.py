"""Study: MuDuo against every rival and control with few labels, on patients that nothing was chosen on.

    python -m benchmarks.study FOLDER LABEL_MAPS [--docs]
    python -m benchmarks.study.development FOLDER LABEL_MAPS [--rows FILE]

Real anatomy (a folder of organ label maps, as AutoPET III's) becomes PET/CT; of each number of labels and seed a data set is
made, on which every row trains the same student by nnU-Net's and this package's trainers. The first command is for the reported
patients and the final figures; the second, for choices, never opens their label maps. Rows that are done are small files below
benchmarks/results/study: any machine goes on with what is missing, and makes data sets, generators and first networks anew.
"""
